-- KEYS: edges, the tables. ARGV: ids. Answers the values of those whose edge has a lease.
local now = now_us()
local values = {}
for _, id in ipairs(ARGV) do
  local edge, value = alive(id, now)
  if edge then
    values[#values + 1] = value
  end
end
return values
