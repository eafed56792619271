-- The dead and the held, oldest first. skip, count.
local skip, count = tonumber(ARGV[FIRST]), tonumber(ARGV[FIRST + 1])
local out = {}
for _, name in ipairs(call('ZRANGE', p .. ':dead', skip, skip + count - 1)) do
  local grave = call('HGET', p .. ':graves', name)
  if grave then out[#out + 1] = { name, unpack(cmsgpack.unpack(grave)) } end
end
return out
