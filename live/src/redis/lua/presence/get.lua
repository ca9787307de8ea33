-- KEYS: the tables. ARGV: two for each agent: the least and the greatest of its pairs.
-- Answers for each agent a list of µs left and word, of the leases that have not ended.
local now = now_us()
local answer = {}
for agent = 1, #ARGV, 2 do
  local leases = {}
  for _, pair in ipairs(redis.call('ZRANGEBYLEX', pairs_key, ARGV[agent], ARGV[agent + 1], 'LIMIT', 0, 1000)) do
    local ends = tonumber(redis.call('ZSCORE', ends_key, pair) or '0')
    if ends > now then
      leases[#leases + 1] = { text(ends - now), redis.call('HGET', words_key, pair) or '' }
    end
  end
  answer[#answer + 1] = leases
end
return answer
