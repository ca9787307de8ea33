-- Id and birth, in µs, of this memory, or nothing. One from before the clock was set back is none.
local function incarnation(key, now)
  local found = redis.call('GET', key)
  if not found then
    return nil
  end
  local id, born = string.match(found, '^1 (%d+) (%d+)$')
  if id and tonumber(born) <= now then
    return id, tonumber(born)
  end
  return nil
end

-- It lives on while leases are renewed; a new one begins when there is none.
local function keep_incarnation(key, now, fresh_id, gap_ms)
  local id, born = incarnation(key, now)
  if id then
    redis.call('PEXPIRE', key, gap_ms)
    return id, born
  end
  redis.call('SET', key, '1 ' .. fresh_id .. ' ' .. text(now), 'PX', gap_ms)
  return fresh_id, now
end
