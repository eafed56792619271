-- A bounded piece of tidying. lease (ms).
unrefused()
rescue()
local at = now()
local old = call('ZRANGEBYSCORE', p .. ':done', '-inf', at - keep_done, 'LIMIT', 0, 1000)
for _, id in ipairs(old) do
  call('ZREM', p .. ':done', id)
  call('HDEL', p .. ':results', id)
end
call('ZREMRANGEBYSCORE', p .. ':replies', '-inf', at)
-- Who is held waits for somebody, however long.
for _, name in ipairs(call('ZRANGE', p .. ':expires', 0, 999)) do
  local grave = call('HGET', p .. ':graves', name)
  if grave and cmsgpack.unpack(grave)[5] >= at - keep_dead then break end
  level(name)
end
tidy(tonumber(ARGV[FIRST]))
return 1
