-- KEYS: incarnation. ARGV: an id, should there be none; how long it lives unrenewed, in ms.
-- Answers the id and the age in µs.
local now = now_us()
local id, born = incarnation(KEYS[1], now)
if not id then
  id, born = keep_incarnation(KEYS[1], now, ARGV[1], ARGV[2])
end
return { id, text(now - born) }
