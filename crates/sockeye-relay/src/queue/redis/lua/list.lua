-- A list. :proc:<instance> ticket -> body of what is claimed; :waiting ticket -> body of what was given back (:back, by
-- ticket) or waits for its time (:due, by time); :times ticket -> instances that died with it.
local KIND = 'list'
local proc = p .. ':proc:'

local function prepare() end

local function holds(ticket)
  return call('HEXISTS', proc .. me, ticket) == 1
end

local function body_of(ticket)
  return call('HGET', proc .. me, ticket)
end

local function remove(tickets)
  if #tickets == 0 then return end
  call('HDEL', proc .. me, unpack(tickets))
  if call('EXISTS', p .. ':tries', p .. ':times') > 0 then
    call('HDEL', p .. ':tries', unpack(tickets))
    call('HDEL', p .. ':times', unpack(tickets))
  end
end

local function release(ticket)
  local body = call('HGET', proc .. me, ticket)
  call('HDEL', proc .. me, ticket)
  call('HSET', p .. ':waiting', ticket, body)
  call('ZADD', p .. ':back', ticket, ticket)
end

local function delay(ticket, due)
  local body = call('HGET', proc .. me, ticket)
  call('HDEL', proc .. me, ticket)
  call('HSET', p .. ':waiting', ticket, body)
  call('ZADD', p .. ':due', due, padded(ticket))
end

local function claimed_by(who)
  return call('HKEYS', proc .. who)
end

-- Gives back what a dead instance had; false if there is more than one script may do.
local function give_back(who)
  local tickets = call('HKEYS', proc .. who)
  for n, ticket in ipairs(tickets) do
    if n > 4096 then return false end
    local body = call('HGET', proc .. who, ticket)
    call('HDEL', proc .. who, ticket)
    call('HSET', p .. ':waiting', ticket, body)
    call('ZADD', p .. ':back', ticket, ticket)
    call('HINCRBY', p .. ':times', ticket, 1)
  end
  return true
end

local function promote(limit)
  for _, name in ipairs(call('ZRANGEBYSCORE', p .. ':due', '-inf', now(), 'LIMIT', 0, limit)) do
    local ticket = unpadded(name)
    call('ZREM', p .. ':due', name)
    call('ZADD', p .. ':back', ticket, ticket)
  end
end

local function take(room)
  local out = {}
  local back = call('ZPOPMIN', p .. ':back', room)
  for n = 1, #back, 2 do
    local ticket = back[n]
    local body = call('HGET', p .. ':waiting', ticket)
    call('HDEL', p .. ':waiting', ticket)
    if body then
      call('HSET', proc .. me, ticket, body)
      local times = tonumber(call('HGET', p .. ':times', ticket) or 0)
      out[#out + 1] = { ticket, body, call('HGET', p .. ':tries', ticket) or '0', times + 1, '' }
    end
  end
  local left = room - #out
  if left < 1 then return out end
  local bodies = call('RPOP', q, left)
  if not bodies or #bodies == 0 then return out end
  local ticket = call('INCRBY', p .. ':ticket', #bodies) - #bodies
  local fields = {}
  for _, body in ipairs(bodies) do
    ticket = ticket + 1
    local name = string.format('%.0f', ticket)
    fields[#fields + 1] = name
    fields[#fields + 1] = body
    out[#out + 1] = { name, body, '0', 1, '' }
  end
  call('HSET', proc .. me, unpack(fields))
  return out
end

local function append(body)
  call('LPUSH', q, body)
end

local function append_late(body, due)
  local ticket = string.format('%.0f', call('INCR', p .. ':ticket'))
  call('HSET', p .. ':waiting', ticket, body)
  call('ZADD', p .. ':due', due, padded(ticket))
end

-- Ready, delayed, claimed, and when the oldest that is ready was put.
local function counts()
  local claimed = 0
  for _, who in ipairs(call('SUNION', p .. ':instances', p .. ':fallen')) do
    claimed = claimed + call('HLEN', proc .. who)
  end
  local overdue = call('ZCOUNT', p .. ':due', '-inf', now())
  local ready = call('LLEN', q) + call('ZCARD', p .. ':back') + overdue
  return ready, call('ZCARD', p .. ':due') - overdue, claimed, ''
end

local function waiting(skip, count)
  local out = {}
  for _, ticket in ipairs(call('ZRANGE', p .. ':back', skip, skip + count - 1)) do
    local tries = call('HGET', p .. ':tries', ticket) or '0'
    out[#out + 1] = { ticket, call('HGET', p .. ':waiting', ticket) or '', tries, '' }
  end
  local left = count - #out
  if left < 1 then return out end
  local from = math.max(0, skip - call('ZCARD', p .. ':back'))
  local bodies = call('LRANGE', q, -(from + left), -(from + 1))
  for n = #bodies, 1, -1 do
    out[#out + 1] = { '', bodies[n], '0', '' }
  end
  return out
end

local function at_most()
  local ready, delayed, claimed = counts()
  return ready + delayed + claimed
end

local function put_unread() end

local function tidy() end
