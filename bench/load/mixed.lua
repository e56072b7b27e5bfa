-- Nine reads for each debit, of users taken at random. Counted are the debits that were sent: looking at each answer would
-- cost the load tool more than the servers.

require("report")

debits = 0

function init(arguments)
  begin(arguments)
  reads, writes = for_each_user(stats), for_each_user(debit)
end

function request()
  if math.random(10) == 1 then
    debits = debits + 1
    return writes[math.random(users)]
  end
  return reads[math.random(users)]
end
