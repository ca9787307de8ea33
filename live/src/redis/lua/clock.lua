-- The server's clock, in microseconds since the Unix epoch: exact in a double until the year 2255.
local function now_us()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000000 + tonumber(time[2])
end

-- Numbers of that size as text; tostring() would round them.
local function text(number)
  return string.format('%.0f', number)
end

-- A key lives at least so long from now. Set to twice as long, so that this is seldom written.
local function live_for(key, ms)
  if redis.call('PTTL', key) < ms then
    redis.call('PEXPIRE', key, text(2 * ms))
  end
end
