-- A stream. What is claimed is pending with its instance's consumer; what was given back is pending with ~back, what waits
-- for its time with ~late (:due, by time), so that nothing is ever copied. :waiting has what was put with a time of its own.
local KIND = 'stream'
local BACK, LATE = '~back', '~late'

local function flat(pairs_)
  local map = {}
  for n = 1, #pairs_, 2 do map[pairs_[n]] = pairs_[n + 1] end
  return map
end

local function prepare()
  local made = pcall_('XGROUP', 'CREATE', q, group, '0', 'MKSTREAM')
  if type(made) == 'table' and made.err and not string.find(made.err, 'BUSYGROUP', 1, true) then
    return made
  end
end

local function pending(id, who)
  return call('XPENDING', q, group, id, id, 1, who)[1]
end

local function holds(id)
  return pending(id, me) ~= nil
end

local function body_of(id)
  local entry = call('XRANGE', q, id, id)[1]
  if not entry then return '' end
  local fields = entry[2]
  for n = 1, #fields, 2 do
    if fields[n] == field then return fields[n + 1] end
  end
  return fields
end

local function is_ours_alone()
  return #call('XINFO', 'GROUPS', q) == 1
end

local function remove(ids)
  if #ids == 0 then return end
  call('XACK', q, group, unpack(ids))
  -- What other groups may not have read yet is left to the trimming, which asks them.
  if trim == 'acked' and is_ours_alone() then call('XDEL', q, unpack(ids)) end
  if call('EXISTS', p .. ':tries') == 1 then call('HDEL', p .. ':tries', unpack(ids)) end
end

-- Given back in peace: that it was delivered does not count.
local function hand_over(id, to)
  local found = pending(id, me)
  if not found then return end
  call('XCLAIM', q, group, to, 0, id, 'RETRYCOUNT', math.max(found[4] - 1, 0), 'JUSTID')
end

local function release(id)
  hand_over(id, BACK)
end

local function delay(id, due)
  hand_over(id, LATE)
  call('ZADD', p .. ':due', due, padded(id))
end

local function claimed_by(who)
  local ids, from = {}, '-'
  while true do
    local some = call('XPENDING', q, group, from, '+', 500, who)
    for _, one in ipairs(some) do
      ids[#ids + 1] = one[1]
      from = '(' .. one[1]
    end
    if #some < 500 then return ids end
  end
end

local function give_back(who)
  for _ = 1, 16 do
    local some = call('XPENDING', q, group, '-', '+', 256, who)
    if #some == 0 then
      call('XGROUP', 'DELCONSUMER', q, group, who)
      return true
    end
    local ids = {}
    for _, one in ipairs(some) do ids[#ids + 1] = one[1] end
    local moved = call('XCLAIM', q, group, BACK, 0, unpack(ids))
    -- What was deleted from the stream can't be claimed; before Redis 7 it stays pending for ever.
    if #moved < #ids then
      for _, id in ipairs(ids) do
        if #call('XRANGE', q, id, id) == 0 then
          call('XACK', q, group, id)
          call('INCR', p .. ':deleted')
        end
      end
    end
    for _, one in ipairs(some) do
      -- XCLAIM has counted a delivery that was none; who takes it counts its own.
      if pending(one[1], BACK) then
        call('XCLAIM', q, group, BACK, 0, one[1], 'RETRYCOUNT', one[4], 'JUSTID')
      end
    end
  end
  return false
end

-- Adds a task, or the fields of an entry. More of these than a call takes go as the object that they are read as.
local function add(body)
  if type(body) ~= 'table' then return call('XADD', q, '*', field, body) end
  if #body <= 2000 then return call('XADD', q, '*', unpack(body)) end
  return call('XADD', q, '*', field, cjson.encode(flat(body)))
end

local function promote(limit)
  for _, name in ipairs(call('ZRANGEBYSCORE', p .. ':due', '-inf', now(), 'LIMIT', 0, limit)) do
    local id = unpadded(name)
    call('ZREM', p .. ':due', name)
    local body = call('HGET', p .. ':waiting', id)
    if body then
      call('HDEL', p .. ':waiting', id)
      add(body)
    else
      local late = pending(id, LATE)
      if late then call('XCLAIM', q, group, BACK, 0, id, 'RETRYCOUNT', late[4], 'JUSTID') end
    end
  end
end

local function taken(entry, deliveries)
  local body = entry[2]
  for n = 1, #entry[2], 2 do
    if entry[2][n] == field then
      body = entry[2][n + 1]
      break
    end
  end
  local tries = call('HGET', p .. ':tries', entry[1]) or '0'
  return { entry[1], body, tries, deliveries, string.match(entry[1], '^%d+') }
end

local function take(room)
  local out = {}
  for _, one in ipairs(call('XPENDING', q, group, '-', '+', room, BACK)) do
    local entry = call('XCLAIM', q, group, me, 0, one[1])[1]
    if entry then
      out[#out + 1] = taken(entry, one[4] + 1)
    else
      call('XACK', q, group, one[1])
      call('INCR', p .. ':deleted')
    end
  end
  local left = room - #out
  if left < 1 then return out end
  local read = call('XREADGROUP', 'GROUP', group, me, 'COUNT', left, 'STREAMS', q, '>')
  if not read then return out end
  for _, entry in ipairs(read[1][2]) do
    out[#out + 1] = taken(entry, 1)
  end
  return out
end

local function append(body)
  add(body)
end

local function append_late(body, due)
  local name = string.format('put-%.0f', call('INCR', p .. ':ticket'))
  call('HSET', p .. ':waiting', name, body)
  call('ZADD', p .. ':due', due, padded(name))
end

-- The group, if somebody has claimed here before.
local function our_group()
  if call('EXISTS', q) == 0 then return end
  for _, one in ipairs(call('XINFO', 'GROUPS', q)) do
    local map = flat(one)
    if map.name == group then return map end
  end
end

-- How many entries the group has not read, where Redis does not know: as many as can be counted in a moment, and if these
-- are many not again within the next second. Puts are added meanwhile.
local function counted_unread(after)
  local known = tonumber(call('GET', p .. ':unread') or nil)
  if known then return known end
  local count = #call('XRANGE', q, after, '+', 'COUNT', 10000)
  if count >= 1000 then pcall_('SET', p .. ':unread', count, 'PX', 1000) end
  return count
end

local function put_unread(count)
  if call('EXISTS', p .. ':unread') == 1 then call('INCRBY', p .. ':unread', count) end
end

-- No less than there is, and nothing to count.
local function at_most()
  return call('XLEN', q) + call('HLEN', p .. ':waiting')
end

local function counts()
  local us = our_group()
  local late_puts = call('HLEN', p .. ':waiting')
  if not us then
    local oldest = call('XRANGE', q, '-', '+', 'COUNT', 1)[1]
    return call('XLEN', q), late_puts, 0, oldest and string.match(oldest[1], '^%d+') or ''
  end
  local back, late = 0, 0
  for _, one in ipairs(call('XINFO', 'CONSUMERS', q, group)) do
    local map = flat(one)
    if map.name == BACK then back = map.pending end
    if map.name == LATE then late = map.pending end
  end
  local after = '(' .. us['last-delivered-id']
  local unread = us.lag
  if type(unread) ~= 'number' then
    if trim == 'acked' and is_ours_alone() then
      unread = math.max(0, call('XLEN', q) - us.pending)
    else
      unread = counted_unread(after)
    end
  end
  local oldest = call('XPENDING', q, group, '-', '+', 1, BACK)[1] or call('XRANGE', q, after, '+', 'COUNT', 1)[1]
  return unread + back, late + late_puts, us.pending - back - late,
    oldest and string.match(oldest[1], '^%d+') or ''
end

local function waiting(skip, count)
  local out = {}
  local function show(entry)
    local one = taken(entry, 0)
    out[#out + 1] = { one[1], one[2], one[3], one[5] }
  end
  local us = our_group()
  local back = us and call('XPENDING', q, group, '-', '+', skip + count, BACK) or {}
  for n = skip + 1, #back do
    local entry = call('XRANGE', q, back[n][1], back[n][1])[1]
    if entry then show(entry) end
  end
  local left = count - #out
  if left < 1 then return out end
  local from = math.max(0, skip - #back)
  local entries = call('XRANGE', q, us and '(' .. us['last-delivered-id'] or '-', '+', 'COUNT', from + left)
  for n = from + 1, #entries do show(entries[n]) end
  return out
end

local function earlier(a, b)
  local a1, a2 = string.match(a, '^(%d+)-(%d+)$')
  local b1, b2 = string.match(b, '^(%d+)-(%d+)$')
  if a1 ~= b1 then return tonumber(a1) < tonumber(b1) end
  return tonumber(a2) < tonumber(b2)
end

-- Gives back what consumers of others left behind, and trims up to what every group is done with.
local function tidy(lease)
  if not our_group() then return end
  for _, one in ipairs(call('XINFO', 'CONSUMERS', q, group)) do
    local who = flat(one)
    local is_known = who.name == BACK or who.name == LATE
      or call('SISMEMBER', p .. ':instances', who.name) == 1
    if not is_known and who.idle > lease then give_back(who.name) end
  end
  if trim == 'none' then return end
  local upto
  for _, one in ipairs(call('XINFO', 'GROUPS', q)) do
    local map = flat(one)
    local bound = map['last-delivered-id']
    local oldest = call('XPENDING', q, map.name)[2]
    if oldest and earlier(oldest, bound) then bound = oldest end
    if not upto or earlier(bound, upto) then upto = bound end
  end
  if not upto or upto == '0-0' then return end
  if call('XLEN', q) <= 10000 then
    call('XTRIM', q, 'MINID', '=', upto)
  else
    call('XTRIM', q, 'MINID', '~', upto, 'LIMIT', 10000)
  end
end
