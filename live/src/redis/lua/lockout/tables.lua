-- ends: when each subject's failures are forgotten, in µs. failures: '1 <count> <1 when locked>'.
local ends_key, failures_key = KEYS[1], KEYS[2]

-- How many failures, whether locked, and when that ends; nothing for a subject without any.
local function known(subject, now)
  local ends = tonumber(redis.call('ZSCORE', ends_key, subject) or '0')
  if ends <= now then
    return nil
  end
  local count, locked = string.match(redis.call('HGET', failures_key, subject) or '', '^1 (%d+) ([01])$')
  if not count then
    return nil
  end
  return tonumber(count), locked == '1', ends
end

-- 1 and µs to wait, or 0 and the number of failures.
local function standing(count, locked, ends, now)
  if locked then
    return { 1, text(ends - now) }
  end
  return { 0, text(count or 0) }
end
