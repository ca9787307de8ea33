-- KEYS: the tables, incarnation. ARGV: within how many µs, how many to pass over, how many at most.
-- Answers a list of pair, µs since its lease ended, and word, the latest first. What ended before this incarnation began is
-- not known to have ended: nobody could renew it.
local now = now_us()
local id, born = incarnation(KEYS[5], now)
if not id then
  return {}
end
local from = math.max(now - tonumber(ARGV[1]), born)
local found = redis.call('ZREVRANGEBYSCORE', ends_key, text(now), text(from), 'LIMIT', tonumber(ARGV[2]), tonumber(ARGV[3]))
local ended = {}
for _, pair in ipairs(found) do
  local ends = tonumber(redis.call('ZSCORE', ends_key, pair))
  ended[#ended + 1] = { pair, text(now - ends), redis.call('HGET', words_key, pair) or '' }
end
return ended
