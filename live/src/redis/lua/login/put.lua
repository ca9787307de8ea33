-- KEYS: values, ends, revoked. ARGV: token, value, ttl in µs, most logins.
-- Answers 1, or 0 for a login that may not come back yet.
local token, ttl, most = ARGV[1], tonumber(ARGV[3]), tonumber(ARGV[4])
local now = now_us()
if tonumber(redis.call('ZSCORE', KEYS[3], token) or '0') > now then
  return 0
end
local function drop(tokens)
  for _, dropped in ipairs(tokens) do
    redis.call('HDEL', KEYS[1], dropped)
    redis.call('ZREM', KEYS[2], dropped)
  end
end
drop(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', text(now), 'LIMIT', 0, 20))
if redis.call('ZCARD', KEYS[2]) >= most and not redis.call('ZSCORE', KEYS[2], token) then
  drop(redis.call('ZRANGE', KEYS[2], 0, math.ceil(most / 8) - 1))
end
redis.call('HSET', KEYS[1], token, ARGV[2])
redis.call('ZADD', KEYS[2], text(now + ttl), token)
live_for(KEYS[1], math.ceil(ttl / 1000))
live_for(KEYS[2], math.ceil(ttl / 1000))
return 1
