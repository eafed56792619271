-- What waits. skip, count.
return waiting(tonumber(ARGV[FIRST]), tonumber(ARGV[FIRST + 1]))
