-- The tables of a tenant. A pair is an agent and an edge with a NUL between.
-- pairs: all of them, sorted. ends: when the lease of each ends, in µs. words: '1 <status> <said at, ms> <released>'.
-- by_edge: an edge and an agent with a NUL between, sorted.
local pairs_key, ends_key, words_key, by_edge_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4]

local function turned(pair)
  local nul = string.find(pair, '\0', 1, true)
  return string.sub(pair, nul + 1) .. '\0' .. string.sub(pair, 1, nul - 1)
end

-- Forgets at most `count` leases that ended at or before a time.
local function sweep(ended_by, count)
  local ended = redis.call('ZRANGEBYSCORE', ends_key, '-inf', text(ended_by), 'LIMIT', 0, count)
  for _, pair in ipairs(ended) do
    redis.call('ZREM', ends_key, pair)
    redis.call('ZREM', pairs_key, pair)
    redis.call('HDEL', words_key, pair)
    redis.call('ZREM', by_edge_key, turned(pair))
  end
end

local function keep_tables(ms)
  live_for(pairs_key, ms)
  live_for(ends_key, ms)
  live_for(words_key, ms)
  live_for(by_edge_key, ms)
end
