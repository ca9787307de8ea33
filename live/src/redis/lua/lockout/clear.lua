-- KEYS: the tables. ARGV: subject.
redis.call('ZREM', ends_key, ARGV[1])
redis.call('HDEL', failures_key, ARGV[1])
return 1
