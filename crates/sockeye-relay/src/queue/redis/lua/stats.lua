-- How much there is.
local ready, delayed, claimed, oldest = counts()
local dead = call('ZCARD', p .. ':expires')
local held = call('ZCARD', p .. ':dead') - dead
local age = oldest ~= '' and string.format('%.0f', math.max(0, now() - oldest)) or ''
local instances = {}
for _, who in ipairs(call('SMEMBERS', p .. ':instances')) do
  if alive(who) then instances[#instances + 1] = who end
end
return { ready, delayed, claimed, held, dead, call('ZCARD', p .. ':done'), age, call('EXISTS', p .. ':paused'), instances }
