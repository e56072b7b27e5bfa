-- Reads an account and a part of its history at one moment.
--
-- KEYS[1]     account: hash `rev`, `doc`
-- KEYS[2]     history: stream of `tx`, `c`
--
-- ARGV[1]     the id of the first entry that is wanted; '' for the newest entry alone
-- ARGV[2]     how many entries are wanted at most
--
-- Reply: {{rev, doc}, entries}, as HMGET and XRANGE give them
local account = redis.call('HMGET', KEYS[1], 'rev', 'doc')
if ARGV[1] == '' then
  return { account, redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1) }
end
return { account, redis.call('XRANGE', KEYS[2], ARGV[1], '+', 'COUNT', ARGV[2]) }
