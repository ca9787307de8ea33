-- KEYS: values, ends, revoked. ARGV: for how long they may not come back in µs, most of them, tokens.
local kept, most = tonumber(ARGV[1]), tonumber(ARGV[2])
local now = now_us()
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', text(now))
for index = 3, #ARGV do
  redis.call('HDEL', KEYS[1], ARGV[index])
  redis.call('ZREM', KEYS[2], ARGV[index])
  if redis.call('ZCARD', KEYS[3]) >= most then
    redis.call('ZPOPMIN', KEYS[3], math.ceil(most / 8))
  end
  redis.call('ZADD', KEYS[3], text(now + kept), ARGV[index])
end
live_for(KEYS[3], math.ceil(kept / 1000))
return 1
