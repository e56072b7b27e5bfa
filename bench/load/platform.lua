-- Debits of one token each, of users taken at random, with what the platform adds to each request.

require("report")

function init(arguments)
  begin(arguments)
  as_the_platform()
  requests = for_each_user(debit)
end

function request()
  return requests[math.random(users)]
end
