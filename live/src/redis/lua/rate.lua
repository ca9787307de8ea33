-- GCRA. KEYS: when each bucket is full, in µs. ARGV: subject, cost, µs for one unit, size of the bucket in units, most subjects.
-- Answers 1, what is left, µs until it is full; or 0 and µs to wait.
local subject, cost, interval, burst, most = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local now, size = now_us(), interval * burst
local known = redis.call('ZSCORE', KEYS[1], subject)
-- Never emptier than empty, though the quota was larger before, or the clock was set back.
local from = math.max(tonumber(known or '0'), now)
if from > now + size then
  from = now + size
  redis.call('ZADD', KEYS[1], text(from), subject)
end
if cost > burst then
  -- Never fits; it is told the time of a full bucket.
  return { 0, text(size) }
end
local full_at = from + interval * cost
if full_at > now + size then
  return { 0, text(math.min(full_at - size - now, size)) }
end
if not known and redis.call('ZCARD', KEYS[1]) >= most then
  redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', text(now))
  if redis.call('ZCARD', KEYS[1]) >= most then
    redis.call('ZPOPMIN', KEYS[1], math.ceil(most / 8))
  end
end
redis.call('ZADD', KEYS[1], text(full_at), subject)
live_for(KEYS[1], math.ceil((full_at - now) / 1000))
return { 1, text(math.floor((now + size - full_at) / interval)), text(full_at - now) }
