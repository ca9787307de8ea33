-- edges: when the lease of each edge ends, in µs.
-- The tables of a tenant: connections: id to frame. ids: all of them, sorted. by_user, by_edge: a user or an edge and an id
-- with a NUL between, sorted. agents, customers: a user to how many connections.
-- A frame is '1 <bytes of the edge> <bytes of the user> <edge><user><value>'.
local edges_key = KEYS[1]
local connections_key, ids_key, by_user_key, by_edge_key = KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local agents_key, customers_key = KEYS[6], KEYS[7]

local function frame(edge, user, value)
  return '1 ' .. #edge .. ' ' .. #user .. ' ' .. edge .. user .. value
end

-- Edge, user and value of a frame; nothing for one of another version.
local function parts(frame_text)
  local edge_bytes, user_bytes, at = string.match(frame_text, '^1 (%d+) (%d+) ()')
  if not at then
    return nil
  end
  local user_at, value_at = at + edge_bytes, at + edge_bytes + user_bytes
  return string.sub(frame_text, at, user_at - 1), string.sub(frame_text, user_at, value_at - 1), string.sub(frame_text, value_at)
end

-- Whether an edge has a lease, looked up once per call.
local known_edges = {}
local function is_alive(edge, now)
  if known_edges[edge] == nil then
    local ends = redis.call('ZSCORE', edges_key, edge)
    known_edges[edge] = ends and tonumber(ends) > now or false
  end
  return known_edges[edge]
end

-- A connection's edge and value, if its edge has a lease.
local function alive(id, now)
  local found = redis.call('HGET', connections_key, id)
  if not found then
    return nil
  end
  local edge, _, value = parts(found)
  if edge and is_alive(edge, now) then
    return edge, value
  end
  return nil
end

local function counts_of(user)
  if string.sub(user, 1, 5) == 'kefu/' then
    return agents_key
  end
  return customers_key
end

local function remove(id)
  local found = redis.call('HGET', connections_key, id)
  if not found then
    return
  end
  redis.call('HDEL', connections_key, id)
  redis.call('ZREM', ids_key, id)
  local edge, user = parts(found)
  if edge then
    redis.call('ZREM', by_user_key, user .. '\0' .. id)
    redis.call('ZREM', by_edge_key, edge .. '\0' .. id)
    if redis.call('HINCRBY', counts_of(user), user, -1) <= 0 then
      redis.call('HDEL', counts_of(user), user)
    end
  end
end
