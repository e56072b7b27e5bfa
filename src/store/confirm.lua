-- Looks for what an earlier commit has left, and writes what is there already: so only a primary answers, and waiting for
-- the replicas of this write waits for all that came before it.
--
-- KEYS[1]     account: hash `rev`, `doc`
-- KEYS[2]     where to look: a history, or a record
--
-- ARGV[1]     the id of an entry of the history; '' to look for the record
--
-- Replies
--   {'entry', mark}   the entry is there; the commit of revision `mark` wrote it
--   {'record', text}  the record is there
--   {'absent'}        what was looked for is not there

local account, place = KEYS[1], KEYS[2]
local id = ARGV[1]

local revision = redis.call('HGET', account, 'rev')
if revision then
  redis.call('HSET', account, 'rev', revision)
end

if id == '' then
  local text = redis.call('GET', place)
  return text and { 'record', text } or { 'absent' }
end
local entry = redis.call('XRANGE', place, id, id)[1]
if not entry then
  return { 'absent' }
end
local fields = entry[2]
for i = 1, #fields, 2 do
  if fields[i] == 'c' then
    return { 'entry', fields[i + 1] }
  end
end
return { 'entry', '' }
