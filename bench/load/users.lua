-- Debits of one token each, of users taken at random.

require("report")

function init(arguments)
  begin(arguments)
  requests = for_each_user(debit)
end

function request()
  return requests[math.random(users)]
end
