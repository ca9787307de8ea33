-- KEYS: values, ends, revoked. ARGV: token. Answers the value, or nothing.
if tonumber(redis.call('ZSCORE', KEYS[2], ARGV[1]) or '0') > now_us() then
  return redis.call('HGET', KEYS[1], ARGV[1])
end
return false
