-- KEYS: edges, the tables. ARGV: edge, how many connections at most.
-- Removes connections of an edge whose lease has ended, and answers how many; as many as asked for means that there may be
-- more. Answers -1 when the edge has a lease again.
local ends = redis.call('ZSCORE', edges_key, ARGV[1])
if ends and tonumber(ends) > now_us() then
  return -1
end
local first, last = '[' .. ARGV[1] .. '\0', '(' .. ARGV[1] .. '\1'
local members = redis.call('ZRANGEBYLEX', by_edge_key, first, last, 'LIMIT', 0, tonumber(ARGV[2]))
for _, member in ipairs(members) do
  remove(string.sub(member, #ARGV[1] + 2))
  redis.call('ZREM', by_edge_key, member)
end
return #members
