-- Commits a change to one account: compares, then writes everything, or nothing. It knows no rule of the ledger.
--
-- KEYS[1]     account: hash `rev`, `doc`
-- KEYS[2]     history: stream of `tx`, `c`
-- KEYS[3..]   archive: where the history goes at a reset, if it does; then usage: a hash of texts, if something changes it,
--             which is dropped where the history is archived; then records: one string each
--
-- ARGV[1]     the revision that the account must have; '' when there must be no account
-- ARGV[2]     the new revision, also the entries' `c`
-- ARGV[3]     the new document
-- ARGV[4]     after how many entries the history is archived; '' for not at all
-- ARGV[5]     n, the number of entries
-- ARGV[6]     m, the number of fields of the usage that are set
-- ARGV[7]     the channel on which the change is told
-- ARGV[8]     the command that tells it: PUBLISH; or SPUBLISH, for which PUBLISH stands in where the server has no other
-- ARGV[9..]   n times: id, tx; m times: field, text; then for each record: its text, '' for one that is only looked up,
--             and for how many milliseconds it is kept, '' for ever
--
-- Replies
--   {'done'}                    everything is written
--   {'done', error}             the same, but that it could not be told: nobody was woken
--   {'conflict', rev, doc}      the account is another; nothing is written
--   {'conflict'}                there is no account; nothing is written
--   {'orphan'}                  a history without an account, or an archive where none can be: keys were lost; nothing
--                               is written
--   {'taken', text, ...}        a record is there: the text of each, nil where there is none; nothing is written
--
-- The one write that can fail (an id that does not increase, no memory) is the first, so a failure leaves nothing half
-- done.

local call = redis.call
local account, history = KEYS[1], KEYS[2]
local expected, revision, document, archive_after = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local entries, fields = tonumber(ARGV[5]), tonumber(ARGV[6])
local channel, publish = ARGV[7], ARGV[8]
local first_entry, first_field, first_text = 9, 9 + 2 * entries, 9 + 2 * (entries + fields)

local archive, usage
local first_record = 3
if archive_after ~= '' then
  archive, first_record = KEYS[first_record], first_record + 1
end
if archive or fields > 0 then
  usage, first_record = KEYS[first_record], first_record + 1
end

if #KEYS >= first_record then
  local reply, found = { 'taken' }, false
  for i = first_record, #KEYS do
    local text = call('GET', KEYS[i])
    found = found or text
    reply[#reply + 1] = text
  end
  if found then
    return reply
  end
end

local current = call('HGET', account, 'rev') or ''
if current ~= expected then
  if current == '' then
    return { 'conflict' }
  end
  return { 'conflict', current, call('HGET', account, 'doc') or '' }
end
if expected == '' and call('EXISTS', history) == 1 then
  return { 'orphan' }
end
if archive_after ~= '' and call('EXISTS', archive) == 1 then
  return { 'orphan' }
end
if usage then
  call('HLEN', usage) -- fails if it is no hash
end

local put_away_after = tonumber(archive_after)
for i = 0, entries do
  if i > 0 then
    local at = first_entry + 2 * (i - 1)
    call('XADD', history, ARGV[at], 'tx', ARGV[at + 1], 'c', revision)
  end
  if i == put_away_after and call('EXISTS', history) == 1 then
    call('RENAME', history, archive)
  end
end
call('HSET', account, 'rev', revision, 'doc', document)
if archive_after ~= '' then
  call('DEL', usage)
end
for i = 1, fields do
  local at = first_field + 2 * (i - 1)
  call('HSET', usage, ARGV[at], ARGV[at + 1])
end
for i = first_record, #KEYS do
  local at = first_text + 2 * (i - first_record)
  local text, lifetime = ARGV[at], ARGV[at + 1]
  if text ~= '' and lifetime ~= '' then
    call('SET', KEYS[i], text, 'PX', lifetime)
  elseif text ~= '' then
    call('SET', KEYS[i], text)
  end
end

-- Those who are woken read what is written: whether they can be woken changes nothing about it.
local told = redis.pcall(publish, channel, revision)
if publish == 'SPUBLISH' and type(told) == 'table' and told.err and told.err:find('nknown') then
  told = redis.pcall('PUBLISH', channel, revision)
end
if type(told) == 'table' and told.err then
  return { 'done', told.err }
end
return { 'done' }
