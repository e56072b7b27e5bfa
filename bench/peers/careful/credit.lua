local amount, label = tonumber(ARGV[9]), ARGV[10]

account.tokenBalance = account.tokenBalance + amount
changed = true
return finish({ transaction = append({ type = 'CREDIT', amount = amount, description = label }) })
