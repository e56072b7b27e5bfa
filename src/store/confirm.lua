-- Writes what is there already, so that waiting for the replicas of this write waits for all that came before it.
--
-- KEYS[1]     account: hash `rev`, `doc`
--
-- Replies
--   'done'      the revision is written again
--   'absent'    there is no account; nothing is written

local revision = redis.call('HGET', KEYS[1], 'rev')
if not revision then
  return 'absent'
end
redis.call('HSET', KEYS[1], 'rev', revision)
return 'done'
