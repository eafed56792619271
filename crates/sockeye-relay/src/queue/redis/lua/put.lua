-- Puts tasks, all or none. bound, then of each its id, when it is due ('' at once), its body. Answers how much
-- there was, and 1 for what was taken, 0 for what is known.
local bound, answers, new = tonumber(ARGV[FIRST]), {}, 0
for n = FIRST + 1, #ARGV, 3 do
  local is_known = ARGV[n] ~= '' and call('ZSCORE', p .. ':done', ARGV[n])
  answers[#answers + 1] = is_known and 0 or 1
  if not is_known then new = new + 1 end
end
local held = at_most()
if new > 0 and held + new > bound then
  local ready, delayed, claimed = counts()
  held = ready + delayed + claimed
  if held + new > bound then return { 'full', held } end
end
for n = FIRST + 1, #ARGV, 3 do
  if answers[(n - FIRST - 1) / 3 + 1] == 1 then
    if ARGV[n + 1] == '' then append(ARGV[n + 2]) else append_late(ARGV[n + 2], ARGV[n + 1]) end
  end
end
put_unread(new)
return { 'ok', held, answers }
