-- KEYS: the tables. ARGV: subject. Answers how it stands.
local now = now_us()
local count, locked, ends = known(ARGV[1], now)
return standing(count, locked, ends, now)
