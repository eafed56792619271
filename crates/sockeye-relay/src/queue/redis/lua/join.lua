-- Begins an instance. lease (ms), layout version, kind of order.
unrefused()
local lease, layout, order = ARGV[FIRST], tonumber(ARGV[FIRST + 1]), ARGV[FIRST + 2]
local unfit = misfit(layout)
if unfit then return unfit end
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
