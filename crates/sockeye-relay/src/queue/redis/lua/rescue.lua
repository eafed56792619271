-- Gives back what instances had whose beat has stopped; false if some of it is left for the next time.
local function rescue()
  local is_whole = true
  for _, who in ipairs(call('SMEMBERS', p .. ':instances')) do
    if who ~= me and not alive(who) then
      if give_back(who) then
        call('SREM', p .. ':instances', who)
        if call('GET', p .. ':owner') == who then call('DEL', p .. ':owner') end
      else
        is_whole = false
      end
    end
  end
  return is_whole
end
