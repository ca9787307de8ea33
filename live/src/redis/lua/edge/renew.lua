-- KEYS: edges, what each edge knows of its lease, the edge's tenants, incarnation. ARGV: edge, what it knows, what it will know
-- of a new lease, ttl in µs, most edges, how many other edges to name, how long tables are kept in ms, an id of an incarnation,
-- its gap in ms.
-- Answers 'renewed', 'new', 'full', or 'ended' when it has ended and was not swept yet; then a list of the edge's tenants, and a
-- list of other edges that have ended.
local edge, known, fresh, ttl, most = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local kept_ms = tonumber(ARGV[7])
local now = now_us()
keep_incarnation(KEYS[4], now, ARGV[8], ARGV[9])
local ends = redis.call('ZSCORE', KEYS[1], edge)
if ends and tonumber(ends) <= now then
  return { 'ended', {}, {} }
end
local ended = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', text(now), 'LIMIT', 0, tonumber(ARGV[6]))
if not ends and redis.call('ZCARD', KEYS[1]) >= most then
  return { 'full', {}, ended }
end
local outcome = 'renewed'
if not ends or redis.call('HGET', KEYS[2], edge) ~= known then
  outcome = 'new'
  redis.call('HSET', KEYS[2], edge, fresh)
end
redis.call('ZADD', KEYS[1], text(now + ttl), edge)
live_for(KEYS[1], kept_ms)
live_for(KEYS[2], kept_ms)
live_for(KEYS[3], kept_ms)
return { outcome, redis.call('SMEMBERS', KEYS[3]), ended }
