-- KEYS: edges, the tables. ARGV: how long they are kept in ms.
for key = 1, 7 do
  live_for(KEYS[key], tonumber(ARGV[1]))
end
return 1
