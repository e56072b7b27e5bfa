local id, amount, lasts_ms = ARGV[9], tonumber(ARGV[10]), tonumber(ARGV[11])

if account.tokenBalance < amount then
  return refused('insufficient_tokens')
end
account.tokenBalance = account.tokenBalance - amount
account.tokensReserved = account.tokensReserved + amount
set_reservation(id, amount, now_ms + lasts_ms)
changed = true
return finish({ reservation = { id = id, status = 'open', amount = amount } })
