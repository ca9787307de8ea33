-- KEYS: edges. ARGV: edge. Its lease ends now.
local ends = redis.call('ZSCORE', KEYS[1], ARGV[1])
local now = now_us()
if ends and tonumber(ends) > now then
  redis.call('ZADD', KEYS[1], text(now), ARGV[1])
end
return 1
