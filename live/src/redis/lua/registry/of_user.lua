-- KEYS: edges, the tables. ARGV: the least and the greatest member of a user in by_user, bytes before the id, how many.
-- Answers how many were looked at, the last of them, and the values of those whose edge has a lease.
local now = now_us()
local members = redis.call('ZRANGEBYLEX', by_user_key, ARGV[1], ARGV[2], 'LIMIT', 0, tonumber(ARGV[4]))
local values = {}
for _, member in ipairs(members) do
  local edge, value = alive(string.sub(member, tonumber(ARGV[3]) + 1), now)
  if edge then
    values[#values + 1] = value
  end
end
return { #members, members[#members] or '', values }
