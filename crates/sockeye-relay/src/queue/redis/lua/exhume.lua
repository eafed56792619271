-- Takes dead or held tasks out: back into the queue, or away. 'revive' or 'bury', then '' and names; or 'all', which answers up
-- to what number these are all that there were, and that number again and again until none are left. Answers how many were
-- looked at, how many of them were there, and that number.
local verb, last, names, count = ARGV[FIRST], ARGV[FIRST + 1], {}, 0
if last == '' then
  for n = FIRST + 2, #ARGV do names[#names + 1] = ARGV[n] end
else
  if last == 'all' then last = call('ZREVRANGE', p .. ':dead', 0, 0, 'WITHSCORES')[2] or '0' end
  names = call('ZRANGEBYSCORE', p .. ':dead', '-inf', last, 'LIMIT', 0, 500)
end
for _, name in ipairs(names) do
  local grave = call('HGET', p .. ':graves', name)
  if grave then
    if verb == 'revive' then append(cmsgpack.unpack(grave)[6]) end
    count = count + 1
  end
  level(name)
end
return { #names, count, last }
