-- KEYS: edges, the tables. Answers the name of an edge whose lease has ended and whose connections are still in the tables, or
-- nothing; then the numbers of connections, agents and customers in the tables.
local left_over = ''
for _, edge in ipairs(redis.call('ZRANGEBYSCORE', edges_key, '-inf', text(now_us()))) do
  if redis.call('ZLEXCOUNT', by_edge_key, '[' .. edge .. '\0', '(' .. edge .. '\1') > 0 then
    left_over = edge
    break
  end
end
return { left_over, redis.call('HLEN', connections_key), redis.call('HLEN', agents_key), redis.call('HLEN', customers_key) }
