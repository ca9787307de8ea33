-- KEYS: edges, what each edge knows of its lease, the edge's tenants. ARGV: edge.
-- Forgets one whose lease has ended and which was swept.
local ends = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not ends or tonumber(ends) <= now_us() then
  redis.call('ZREM', KEYS[1], ARGV[1])
  redis.call('HDEL', KEYS[2], ARGV[1])
  redis.call('DEL', KEYS[3])
end
return 1
