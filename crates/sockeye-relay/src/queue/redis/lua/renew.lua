-- Says that this instance lives. lease (ms). Answers -1 if it has been taken for dead, else how much it has claimed.
unrefused()
if call('SISMEMBER', p .. ':instances', me) == 0 then return -1 end
call('SET', p .. ':beat:' .. me, '1', 'PX', ARGV[FIRST])
local mine = claimed_by(me)
if KIND == 'stream' then
  -- For whoever looks at the group from outside: what is being worked on is not idle.
  for n = 1, #mine, 500 do
    call('XCLAIM', q, group, me, 0, unpack(mine, n, math.min(n + 499, #mine)), 'JUSTID')
  end
end
return #mine
