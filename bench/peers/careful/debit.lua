local cost, content_type, label = tonumber(ARGV[9]), ARGV[10], ARGV[11]

if account.tokenBalance < cost then
  return refused('insufficient_tokens')
end
account.tokenBalance = account.tokenBalance - cost
account.tokensUsed = account.tokensUsed + cost
account.totalGenerations = account.totalGenerations + 1
if content_type == 'ARTICLE' then
  account.articlesGenerated = account.articlesGenerated + 1
else
  account.productDescriptionsGenerated = account.productDescriptionsGenerated + 1
end
changed = true
return finish({
  transaction = append({ type = 'DEBIT', amount = cost, description = label, contentType = content_type }),
})
