-- A bounded piece of tidying. lease (ms).
unrefused()
rescue()
local at = now()
local old = call('ZRANGEBYSCORE', p .. ':done', '-inf', at - keep_done, 'LIMIT', 0, 1000)
for _, id in ipairs(old) do
  call('ZREM', p .. ':done', id)
  call('HDEL', p .. ':results', id)
end
-- Who is held waits for somebody, however long.
for _, name in ipairs(call('ZRANGE', p .. ':dead', 0, 199)) do
  local grave = cmsgpack.unpack(call('HGET', p .. ':graves', name) or cmsgpack.pack({ 'dead', '', '', 0, 0, '' }))
  if grave[1] == 'dead' and grave[5] < at - keep_dead then
    level(name)
  end
end
tidy(tonumber(ARGV[FIRST]))
return 1
