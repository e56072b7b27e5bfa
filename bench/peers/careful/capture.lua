local id, amount, label = ARGV[9], tonumber(ARGV[10]), ARGV[11]

local held, expires_at = reservation(id)
if not held then
  return refused('reservation_not_found')
end
drop_reservation(id)
changed = true
account.tokenBalance = account.tokenBalance + held
account.tokensReserved = account.tokensReserved - held
if expires_at <= now_ms then
  return refused('reservation_expired')
end
if account.tokenBalance < amount then
  return refused('insufficient_tokens')
end
account.tokenBalance = account.tokenBalance - amount
account.tokensUsed = account.tokensUsed + amount
local transaction = append({ type = 'DEBIT', amount = amount, description = label, reservationId = id })
return finish({ transaction = transaction, reservation = { id = id, status = 'captured', amount = held, captured = amount } })
