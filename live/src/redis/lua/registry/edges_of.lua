-- KEYS: edges, the tables. ARGV: most connections of one user that are looked at; then three for each user: the least and
-- the greatest member in by_user, bytes before the id. Answers for each user a list of edges, each once.
local now = now_us()
local answer = {}
for user = 2, #ARGV, 3 do
  local edges, seen = {}, {}
  local members = redis.call('ZRANGEBYLEX', by_user_key, ARGV[user], ARGV[user + 1], 'LIMIT', 0, tonumber(ARGV[1]))
  for _, member in ipairs(members) do
    local edge = alive(string.sub(member, tonumber(ARGV[user + 2]) + 1), now)
    if edge and not seen[edge] then
      seen[edge] = true
      edges[#edges + 1] = edge
    end
  end
  answer[#answer + 1] = edges
end
return answer
