-- Every change begins here: a request that came before is answered as it was then, a new user is opened, and what is due is
-- billed. The ways to keep an account (json.lua, hash.lua) give `load`, which leaves `account` or nil, and `save`.

local user, now, now_ms, next_billing, last_billing = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], ARGV[5]
local opening, allowance, once = tonumber(ARGV[6]), tonumber(ARGV[7]), ARGV[8]
local changed = false

if once ~= '' then
  local answer = redis.call('GET', KEYS[3])
  if answer then
    return answer
  end
end

-- Appends an entry to the history and gives it with its id.
local function append(entry)
  entry.timestamp, entry.balance = now, account.tokenBalance
  entry.id = redis.call('XADD', KEYS[2], '*', 'tx', cjson.encode(entry))
  return entry
end

-- Writes the account, remembers the answer for a day if the request has a key, and gives it.
local function finish(answer)
  if changed then
    account.lastUpdated = now
    save()
  end
  answer.stats = account
  local text = cjson.encode(answer)
  if once ~= '' then
    redis.call('SET', KEYS[3], text, 'NX', 'EX', 86400)
  end
  return text
end

local function refused(code)
  if changed then
    save()
  end
  return cjson.encode({ refused = code })
end

load()
if not account then
  account = {
    memberId = user, tokenBalance = opening, tokensUsed = 0, articlesGenerated = 0, productDescriptionsGenerated = 0,
    totalGenerations = 0, nextBillingDate = next_billing, lastBillingDate = last_billing, lastUpdated = now, createdAt = now,
    tokensReserved = 0,
  }
  append({ type = 'CREDIT', amount = opening, description = 'Initialisation du compte' })
  changed = true
end

while account.nextBillingDate <= now do
  local due = account.nextBillingDate
  account.tokenBalance = account.tokenBalance + allowance
  append({ type = 'CREDIT', amount = allowance, description = 'Facturation mensuelle du ' .. due })
  local year, month = tonumber(due:sub(1, 4)), tonumber(due:sub(6, 7)) + 1
  if month == 13 then
    year, month = year + 1, 1
  end
  account.lastBillingDate = due
  account.nextBillingDate = string.format('%04d-%02d%s', year, month, due:sub(8))
  changed = true
end
