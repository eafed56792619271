-- Looks whether this program can use what is there, and changes nothing. layout version.
return misfit(tonumber(ARGV[FIRST])) or { 'ok' }
