-- KEYS: edges, the tables. ARGV: where to begin in ids, how many to look at.
-- Answers how many were looked at, the last of them, and the values of those whose edge has a lease.
local now = now_us()
local ids = redis.call('ZRANGEBYLEX', ids_key, ARGV[1], '+', 'LIMIT', 0, tonumber(ARGV[2]))
local values = {}
for _, id in ipairs(ids) do
  local edge, value = alive(id, now)
  if edge then
    values[#values + 1] = value
  end
end
return { #ids, ids[#ids] or '', values }
