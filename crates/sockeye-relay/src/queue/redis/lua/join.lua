-- Begins an instance. lease (ms), layout version, kind of order.
unrefused()
local lease, layout, order = ARGV[FIRST], tonumber(ARGV[FIRST + 1]), ARGV[FIRST + 2]
local found = call('GET', p .. ':version')
if found and tonumber(found) > layout then return { 'newer', found } end
local kind = call('TYPE', q).ok
if kind ~= 'none' and kind ~= KIND then return { 'type', kind } end
local chosen = call('GET', p .. ':order')
if chosen and chosen ~= order then
  for _, who in ipairs(call('SMEMBERS', p .. ':instances')) do
    if alive(who) then return { 'order', chosen } end
  end
end
local failed = prepare()
if failed then return failed end
call('SET', p .. ':version', layout)
call('SET', p .. ':order', order)
call('SADD', p .. ':instances', me)
call('SET', p .. ':beat:' .. me, '1', 'PX', lease)
return { 'ok' }
