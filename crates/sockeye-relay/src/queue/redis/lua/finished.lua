-- Which of these ids are done: 1 or 0 for each.
local out = {}
for n = FIRST, #ARGV do out[#out + 1] = call('ZSCORE', p .. ':done', ARGV[n]) and 1 or 0 end
return out
