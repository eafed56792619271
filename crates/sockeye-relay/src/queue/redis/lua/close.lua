-- Gives back all that this instance has, and its place.
unrefused()
local mine = claimed_by(me)
for _, ticket in ipairs(mine) do release(ticket) end
if KIND == 'stream' then call('XGROUP', 'DELCONSUMER', q, group, me) end
call('SREM', p .. ':instances', me)
call('DEL', p .. ':beat:' .. me)
if call('GET', p .. ':owner') == me then call('DEL', p .. ':owner') end
return #mine
