-- A lease ends now, if it has not ended by itself.
local function end_lease(pair, now)
  local ends = redis.call('ZSCORE', ends_key, pair)
  if ends and tonumber(ends) > now then
    redis.call('ZADD', ends_key, text(now), pair)
    local word = redis.call('HGET', words_key, pair)
    if word then
      redis.call('HSET', words_key, pair, (string.gsub(word, '%d$', '1')))
    end
  end
end
