-- One task that is over, by its id.
local id = ARGV[FIRST]
local grave = call('HGET', p .. ':graves', id)
if grave then return { 'grave', unpack(cmsgpack.unpack(grave)) } end
local at = call('ZSCORE', p .. ':done', id)
if at then return { 'done', at, call('HGET', p .. ':results', id) or '' } end
return {}
