-- What every script here shares: arguments, threads that differ, and what is reported at the end as one line of JSON.
--
-- wrk … -- <users> <key> <run>: users u0 to u<users - 1> are asked for; <key> is the caller's; <run> makes idempotency
-- keys of different runs different.

local threads = {}

function setup(thread)
  thread:set("number", #threads)
  threads[#threads + 1] = thread
end

function begin(arguments)
  users, run = tonumber(arguments[1]), arguments[3]
  math.randomseed(4711 + number)
  wrk.headers["Authorization"] = "Bearer " .. arguments[2]
  wrk.headers["Content-Type"] = "application/json"
end

-- Has every request that is written from now on look as one that the platform hands on: then its runtime tells the platform
-- of each.
function as_the_platform()
  wrk.headers["x-vercel-id"] = "cdg1::iad1::bench-0000000000000-000000000000"
  wrk.headers["x-vercel-internal-invocation-id"] = "bench"
  wrk.headers["x-vercel-internal-request-id"] = "1"
end

function debit(user)
  return wrk.format("POST", "/api/generations", nil, '{"userId":"u' .. user .. '","tokenCost":1}')
end

function stats(user)
  return wrk.format("GET", "/api/stats?userId=u" .. user)
end

-- One request for each user, written before the clock runs.
function for_each_user(write)
  local requests = {}
  for user = 1, users do
    requests[user] = write(user - 1)
  end
  return requests
end

-- A script that asks for more than debits says in `debits` how many it made.
function done(summary, latency)
  local debits
  for _, thread in ipairs(threads) do
    local own = thread:get("debits")
    debits = own and (debits or 0) + own
  end
  local errors = summary.errors
  io.write(string.format(
    '{"answered":%d,"debits":%d,"seconds":%.6f,"p50_us":%d,"p99_us":%d,"refused":%d,"broken":%d}\n',
    summary.requests, debits or summary.requests, summary.duration / 1e6, latency:percentile(50), latency:percentile(99),
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
