-- The account is a hash of its fields; each open reservation is a field too.

local FIELDS = {
  'memberId', 'tokenBalance', 'tokensUsed', 'articlesGenerated', 'productDescriptionsGenerated', 'totalGenerations',
  'nextBillingDate', 'lastBillingDate', 'lastUpdated', 'createdAt', 'tokensReserved',
}
local NUMBERS = {
  tokenBalance = true, tokensUsed = true, articlesGenerated = true, productDescriptionsGenerated = true,
  totalGenerations = true, tokensReserved = true,
}
local account, loaded

local function load()
  local values = redis.call('HMGET', KEYS[1], unpack(FIELDS))
  if not values[1] then
    return
  end
  account, loaded = {}, {}
  for i, field in ipairs(FIELDS) do
    account[field] = NUMBERS[field] and tonumber(values[i]) or values[i]
    loaded[field] = account[field]
  end
end

-- Writes the fields that are others than before.
local function save()
  local written = {}
  for _, field in ipairs(FIELDS) do
    local value = account[field]
    if not loaded or loaded[field] ~= value then
      written[#written + 1] = field
      written[#written + 1] = NUMBERS[field] and string.format('%.0f', value) or value
    end
  end
  redis.call('HSET', KEYS[1], unpack(written))
end

local function reservation(id)
  local text = redis.call('HGET', KEYS[1], id)
  if text then
    local amount, expires_at = text:match('(%d+) (%d+)')
    return tonumber(amount), tonumber(expires_at)
  end
end

local function set_reservation(id, amount, expires_at)
  redis.call('HSET', KEYS[1], id, string.format('%.0f %.0f', amount, expires_at))
end

local function drop_reservation(id)
  redis.call('HDEL', KEYS[1], id)
end
