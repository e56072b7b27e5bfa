-- Replaces what is kept of a user's usage, if the account is still the one that it was counted for.
--
-- KEYS[1]     account: hash `rev`, `doc`
-- KEYS[2]     usage: hash of texts
--
-- ARGV[1]     the revision that the account must have
-- ARGV[2..]   field, text; and so on
--
-- Replies
--   1           the usage is what was given
--   0           the account is another; nothing is written

local account, usage = KEYS[1], KEYS[2]
local first_field, fields_at_once = 2, 1000

if redis.call('HGET', account, 'rev') ~= ARGV[1] then
  return 0
end
redis.call('DEL', usage)
for i = first_field, #ARGV, 2 * fields_at_once do
  redis.call('HSET', usage, unpack(ARGV, i, math.min(i + 2 * fields_at_once - 1, #ARGV)))
end
return 1
