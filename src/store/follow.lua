-- Reads an account and a part of its history at one moment.
--
-- KEYS[1]     account: hash `rev`, `doc`
-- KEYS[2]     history: stream of `tx`, `c`
--
-- ARGV[1]     the id of the first entry that is wanted; '' for the newest entry alone
-- ARGV[2]     how many entries are wanted at most
-- ARGV[3]     how many entries are counted at most
--
-- Reply: {{rev, doc}, entries, count}, as HMGET and XRANGE give the first two
local account = redis.call('HMGET', KEYS[1], 'rev', 'doc')
local history, first, wanted, counted = KEYS[2], ARGV[1], tonumber(ARGV[2]), ARGV[3]

if first == '' then
  local newest = redis.call('XREVRANGE', history, '+', '-', 'COUNT', 1)
  return { account, newest, #newest }
end
local found, entries = redis.call('XRANGE', history, first, '+', 'COUNT', counted), {}
for i = 1, math.min(#found, wanted) do
  entries[i] = found[i]
end
return { account, entries, #found }
