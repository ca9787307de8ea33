-- KEYS: the tables. ARGV: the least and the greatest member of an edge in by_edge, how many leases at most.
-- Ends leases made through the edge and answers how many: as many as asked for means that there may be more.
local now = now_us()
local members = redis.call('ZRANGEBYLEX', by_edge_key, ARGV[1], ARGV[2], 'LIMIT', 0, tonumber(ARGV[3]))
for _, member in ipairs(members) do
  end_lease(turned(member), now)
  redis.call('ZREM', by_edge_key, member)
end
return #members
