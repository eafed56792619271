-- What every script begins with. KEYS: the queue, the prefix of what lies beside it.
local q, p = KEYS[1], KEYS[2]
local me, strict, group, trim, field = ARGV[1], ARGV[2] == '1', ARGV[3], ARGV[4], ARGV[5]
local max_done, max_dead, keep_done, keep_dead = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
local FIRST = 10 -- the first argument of the script's own
local call, pcall_ = redis.call, redis.pcall

local function now()
  local time = call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function alive(who)
  return call('EXISTS', p .. ':beat:' .. who) == 1
end

-- Of members with one score Redis sorts the names, as texts: with zeros before their numbers they keep the order of those.
local function padded(name)
  return (string.gsub(name, '%d+', function(digits) return string.rep('0', 20 - #digits) .. digits end))
end

local function unpadded(name)
  return (string.gsub(name, '0*(%d+)', '%1'))
end

-- What is answered one by one is a table in the answer: `unpack` takes no more than some thousands, and fails once all of it
-- has happened.

-- Removes one of the dead or held.
local function level(name)
  call('ZREM', p .. ':dead', name)
  call('ZREM', p .. ':expires', name)
  call('HDEL', p .. ':graves', name)
end

-- Once a script has written, Redis out of memory lets it go on to its end. What gives memory back must not be refused for
-- want of it, least of all half-way.
local function unrefused()
  call('DEL', p .. ':nothing')
end
