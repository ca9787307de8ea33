-- KEYS: the tables. ARGV: where to begin in pairs, how many to look at.
-- Answers how many were looked at, the last of them, and a list of pair, µs left and word of those that have not ended.
local now = now_us()
local found = redis.call('ZRANGEBYLEX', pairs_key, ARGV[1], '+', 'LIMIT', 0, tonumber(ARGV[2]))
local leases = {}
for _, pair in ipairs(found) do
  local ends = tonumber(redis.call('ZSCORE', ends_key, pair) or '0')
  if ends > now then
    leases[#leases + 1] = { pair, text(ends - now), redis.call('HGET', words_key, pair) or '' }
  end
end
return { #found, found[#found] or '', leases }
