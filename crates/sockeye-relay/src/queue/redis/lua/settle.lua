-- Settles claims: of each its ticket, what becomes of it, its id, and three words more. Answers how many results could not
-- be delivered, how many of the dead were dropped because there are too many, and for each 1 if it is stored, 2 if this instance does not have the task although nobody took its place: it was
-- settled before, or others have meddled; 0 if it is fenced.
unrefused()
local is_entered = call('SISMEMBER', p .. ':instances', me) == 1
local answers, removed, at, undelivered, seen = {}, {}, now(), 0, {}

-- A list is kept for as long as results are if it was made here, and nobody has given it another time since.
local function expire(list, is_new)
  if not is_new then
    local given = call('ZSCORE', p .. ':replies', list)
    local left = pcall_('PTTL', list)
    if not given or type(left) ~= 'number' or math.abs(at + left - given) > 1000 then return end
  end
  if pcall_('PEXPIREAT', list, at + keep_done) == 1 then
    call('ZADD', p .. ':replies', at + keep_done, list)
    call('ZREMRANGEBYRANK', p .. ':replies', 0, -max_done - 1)
  end
end

local function reply(to, id, result, message)
  if to == q or string.sub(to, 1, #p + 1) == p .. ':' then return false end
  local kind = pcall_('TYPE', to)
  if kind.err then return false end
  local sent
  if kind.ok == 'stream' then
    sent = pcall_('XADD', to, '*', 'id', id, 'result', result)
  else
    sent = pcall_('RPUSH', to, message)
    if type(sent) == 'number' then expire(to, sent == 1) end
  end
  return not (type(sent) == 'table' and sent.err)
end

local function bury(ticket, state, id, reason, text, attempts)
  local number = call('INCR', p .. ':ticket')
  local name = id
  if name == '' then name = string.format('#%.0f', number) end
  if call('HEXISTS', p .. ':graves', name) == 1 then name = string.format('%s#%.0f', name, number) end
  local grave = { state, reason, text, attempts, at, body_of(ticket) }
  call('HSET', p .. ':graves', name, cmsgpack.pack(grave))
  call('ZADD', p .. ':dead', number, name)
  if state == 'dead' then call('ZADD', p .. ':expires', number, name) end
end

for n = FIRST, #ARGV, 6 do
  local ticket, verb, id, x, y, z = ARGV[n], ARGV[n + 1], ARGV[n + 2], ARGV[n + 3], ARGV[n + 4], ARGV[n + 5]
  if seen[ticket] then
    answers[#answers + 1] = 0
  elseif not holds(ticket) then
    answers[#answers + 1] = is_entered and 2 or 0
  else
    answers[#answers + 1] = 1
    if verb == 'tried' then
      call('HSET', p .. ':tries', ticket, x)
    elseif verb == 'release' then
      release(ticket)
      seen[ticket] = true
    elseif verb == 'later' then
      -- Handing it over is a write that needs no memory, so that what follows is not refused half-way.
      delay(ticket, x)
      call('HSET', p .. ':tries', ticket, y)
      seen[ticket] = true
    else
      if verb == 'held' or verb == 'dead' then
        bury(ticket, verb, id, x, y, z)
      elseif verb == 'done' then
        if id ~= '' then
          call('ZADD', p .. ':done', at, id)
          if x ~= '' then call('HSET', p .. ':results', id, x) end
        end
        if y ~= '' and not reply(y, id, x, z) then undelivered = undelivered + 1 end
      end
      removed[#removed + 1] = ticket
      seen[ticket] = true
    end
  end
end
remove(removed)

local over = math.min(call('ZCARD', p .. ':done') - max_done, 1000)
if over > 0 then
  local old = call('ZPOPMIN', p .. ':done', over)
  for n = 1, #old, 2 do call('HDEL', p .. ':results', old[n]) end
end
over = math.min(call('ZCARD', p .. ':dead') - max_dead, 1000)
-- Who is held waits for somebody: only once there are no dead left to drop.
local dropped = 0
for _, kept in ipairs({ ':expires', ':dead' }) do
  if over > dropped then
    for _, name in ipairs(call('ZRANGE', p .. kept, 0, over - dropped - 1)) do
      level(name)
      dropped = dropped + 1
    end
  end
end
return { undelivered, dropped, answers }
