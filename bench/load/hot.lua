-- Debits of one token each, all of one user.

require("report")

function init(arguments)
  begin(arguments)
  request_of_all = debit(0)
end

function request()
  return request_of_all
end
