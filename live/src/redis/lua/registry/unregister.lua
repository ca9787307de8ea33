-- KEYS: edges, the tables. ARGV: id.
remove(ARGV[1])
return 1
