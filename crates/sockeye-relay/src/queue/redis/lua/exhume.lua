-- Takes dead or held tasks out: back into the queue, or away. 'revive' or 'bury', then names; none means the oldest 500.
local verb, names, count = ARGV[FIRST], {}, 0
for n = FIRST + 1, #ARGV do names[#names + 1] = ARGV[n] end
if #names == 0 then names = call('ZRANGE', p .. ':dead', 0, 499) end
for _, name in ipairs(names) do
  local grave = call('HGET', p .. ':graves', name)
  if grave then
    level(name)
    if verb == 'revive' then append(cmsgpack.unpack(grave)[6]) end
    count = count + 1
  end
end
return count
