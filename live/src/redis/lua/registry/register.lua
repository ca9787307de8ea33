-- KEYS: edges, the tables, the edge's tenants. ARGV: edge, tenant, id, user, value, most connections, how long tables are
-- kept in ms. Answers 'ok', 'edge' when the edge has no lease, or 'full'.
local edge, tenant, id, user, value = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
if not is_alive(edge, now_us()) then
  return 'edge'
end
remove(id)
if redis.call('HLEN', connections_key) >= tonumber(ARGV[6]) then
  return 'full'
end
redis.call('HSET', connections_key, id, frame(edge, user, value))
redis.call('ZADD', ids_key, 0, id)
redis.call('ZADD', by_user_key, 0, user .. '\0' .. id)
redis.call('ZADD', by_edge_key, 0, edge .. '\0' .. id)
redis.call('HINCRBY', counts_of(user), user, 1)
redis.call('SADD', KEYS[8], tenant)
for key = 2, 8 do
  live_for(KEYS[key], tonumber(ARGV[7]))
end
return 'ok'
