-- Takes what is due. room, whether to look for the dead. Answers how it stands, when the next is due, and the tasks.
unrefused()
local room, looks = tonumber(ARGV[FIRST]), ARGV[FIRST + 1] == '1'
if call('SISMEMBER', p .. ':instances', me) == 0 then return { 'gone', '' } end
if call('EXISTS', p .. ':paused') == 1 then return { 'paused', '' } end
if strict then
  local owner = call('GET', p .. ':owner')
  if owner ~= me then
    if owner and alive(owner) then return { 'standby', '' } end
    -- What the one before had comes first: nothing is claimed until all of it is back.
    if not rescue() then return { 'standby', '' } end
    call('SET', p .. ':owner', me)
  end
elseif looks then
  rescue()
end
promote(room)
local out = take(room)
local due = call('ZRANGE', p .. ':due', 0, 0, 'WITHSCORES')[2]
return { 'ok', due and string.format('%.0f', math.max(0, due - now())) or '', out }
