-- Why this program can't use what is there; nil if it can.
local function misfit(layout)
  local found = call('GET', p .. ':version')
  if found and tonumber(found) > layout then return { 'newer', found } end
  local kind = call('TYPE', q).ok
  if kind ~= 'none' and kind ~= KIND then return { 'type', kind } end
end
