-- Reads of the account of users taken at random.

require("report")

debits = 0

function init(arguments)
  begin(arguments)
  requests = for_each_user(stats)
end

function request()
  return requests[math.random(users)]
end
