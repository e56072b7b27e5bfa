-- As an AI application that streams: tokens are set aside, and when the text is there what it took is captured. Each capture
-- is of a reservation that an earlier answer named.

require("report")

debits = 0

local open = {}

function init(arguments)
  begin(arguments)
  reserves = for_each_user(function(user)
    return wrk.format("POST", "/api/reservations", nil, '{"userId":"u' .. user .. '","amount":2}')
  end)
end

function request()
  local reserved = table.remove(open)
  if not reserved then
    return reserves[math.random(users)]
  end
  local body = '{"userId":"' .. reserved.user .. '","reservationId":"' .. reserved.id .. '","action":"capture","amount":1}'
  return wrk.format("PATCH", "/api/reservations", nil, body)
end

function response(status, _, body)
  if body:find('"status":"captured"', 1, true) then
    debits = debits + 1
  elseif status < 300 then
    open[#open + 1] = { user = body:match('"memberId":"([^"]*)"'), id = body:match('"(res_[^"]*)"') }
  end
end
