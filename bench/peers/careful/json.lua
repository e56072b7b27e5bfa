-- The account is a JSON text, with its open reservations in it.

local account, reservations

local function load()
  local text = redis.call('GET', KEYS[1])
  if text then
    account = cjson.decode(text)
    reservations, account.reservations = account.reservations, nil
  end
end

local function save()
  account.reservations = reservations
  redis.call('SET', KEYS[1], cjson.encode(account))
  account.reservations = nil
end

local function reservation(id)
  local found = reservations and reservations[id]
  if found then
    return found.amount, found.expiresAt
  end
end

local function set_reservation(id, amount, expires_at)
  reservations = reservations or {}
  reservations[id] = { amount = amount, expiresAt = expires_at }
end

local function drop_reservation(id)
  reservations[id] = nil
  if next(reservations) == nil then
    reservations = nil
  end
end
