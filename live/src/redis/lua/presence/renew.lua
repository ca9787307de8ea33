-- KEYS: the tables, the edge's tenants, incarnation. ARGV: pair, status and when it was said, ttl in µs, tenant, most leases,
-- how long ended leases are kept in µs, how long tables are kept in ms, an id of an incarnation, its gap in ms.
-- Answers 1, or 0 when there is no room.
local pair, word, ttl, tenant, most = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5])
local ended_kept, kept_ms = tonumber(ARGV[6]), tonumber(ARGV[7])
local now = now_us()
keep_incarnation(KEYS[6], now, ARGV[8], ARGV[9])
sweep(now - ended_kept, 20)
if not redis.call('ZSCORE', ends_key, pair) then
  if redis.call('ZCARD', ends_key) >= most then
    sweep(now, 1000)
  end
  if redis.call('ZCARD', ends_key) >= most then
    return 0
  end
end
redis.call('ZADD', ends_key, text(now + ttl), pair)
redis.call('ZADD', pairs_key, 0, pair)
redis.call('ZADD', by_edge_key, 0, turned(pair))
redis.call('HSET', words_key, pair, '1 ' .. word .. ' 0')
redis.call('SADD', KEYS[5], tenant)
keep_tables(kept_ms)
live_for(KEYS[5], kept_ms)
return 1
