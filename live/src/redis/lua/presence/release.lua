-- KEYS: the tables. ARGV: pair.
end_lease(ARGV[1], now_us())
return 1
