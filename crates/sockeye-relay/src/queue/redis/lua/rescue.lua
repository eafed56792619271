-- Gives back what instances had whose beat has stopped; false if some of it is left for the next time.
local function rescue()
  for _, who in ipairs(call('SMEMBERS', p .. ':instances')) do
    if who ~= me and not alive(who) then
      -- From here on nothing is its own, however many steps it takes to give that back.
      call('SREM', p .. ':instances', who)
      call('SADD', p .. ':fallen', who)
      if call('GET', p .. ':owner') == who then call('DEL', p .. ':owner') end
    end
  end
  local is_whole = true
  for _, who in ipairs(call('SMEMBERS', p .. ':fallen')) do
    if give_back(who) then
      call('SREM', p .. ':fallen', who)
    else
      is_whole = false
    end
  end
  return is_whole
end
