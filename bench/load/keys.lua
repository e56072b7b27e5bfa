-- Debits of users taken at random, each with an idempotency key that was never used before.

require("report")

local count = 0

function init(arguments)
  begin(arguments)
  -- What stands before and after the key in the request of each user.
  starts, ends = {}, {}
  wrk.headers["Idempotency-Key"] = "KEY"
  for user, written in ipairs(for_each_user(debit)) do
    local first, last = written:find("KEY", 1, true)
    starts[user], ends[user] = written:sub(1, first - 1), written:sub(last + 1)
  end
end

function request()
  count = count + 1
  local user = math.random(users)
  return starts[user] .. run .. "-" .. number .. "-" .. count .. ends[user]
end
