-- KEYS: the tables. ARGV: subject, how many failures lock, for how long they are remembered in µs, for how long it is locked in
-- µs, most subjects. Answers how the subject stands.
local subject, limit, window, lock, most = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local now = now_us()
local count, locked, ends = known(subject, now)
if locked then
  return standing(count, locked, ends, now)
end
local function forget(subjects)
  for _, forgotten in ipairs(subjects) do
    redis.call('ZREM', ends_key, forgotten)
    redis.call('HDEL', failures_key, forgotten)
  end
end
if not count and redis.call('ZCARD', ends_key) >= most then
  forget(redis.call('ZRANGEBYSCORE', ends_key, '-inf', text(now)))
  if redis.call('ZCARD', ends_key) >= most then
    forget(redis.call('ZRANGE', ends_key, 0, math.ceil(most / 8) - 1))
  end
end
count = (count or 0) + 1
locked = count >= limit
ends = now + (locked and lock or window)
redis.call('ZADD', ends_key, text(ends), subject)
redis.call('HSET', failures_key, subject, '1 ' .. text(count) .. (locked and ' 1' or ' 0'))
live_for(ends_key, math.ceil((ends - now) / 1000))
live_for(failures_key, math.ceil((ends - now) / 1000))
return standing(count, locked, ends, now)
