-- wrk script: post /start messages with a new update_id and a new player each.
-- WEBHOOK_SECRET: the secret header; FIRST_ID: update ids start here.
local first = tonumber(os.getenv("FIRST_ID"))
local headers = {
  ["Content-Type"] = "application/json",
  ["X-Telegram-Bot-Api-Secret-Token"] = os.getenv("WEBHOOK_SECRET"),
}
local update = '{"update_id":%d,"message":{"message_id":1,"date":1700000000,'
  .. '"chat":{"id":%d,"type":"private","first_name":"Bench"},'
  .. '"from":{"id":%d,"is_bot":false,"first_name":"Bench","language_code":"de"},'
  .. '"text":"/start","entities":[{"offset":0,"length":6,"type":"bot_command"}]}}'
local count = 0

function request()
  count = count + 1
  local id = first + count
  return wrk.format("POST", "/telegram/webhook/", headers, string.format(update, id, id, id))
end

function done(summary, latency, requests)
  io.write(string.format(
    'RESULT {"per_second": %.1f, "p50_ms": %.3f, "p95_ms": %.3f, "p99_ms": %.3f, "errors": %d}\n',
    summary.requests / (summary.duration / 1e6),
    latency:percentile(50) / 1e3, latency:percentile(95) / 1e3, latency:percentile(99) / 1e3,
    summary.errors.status + summary.errors.connect + summary.errors.read
      + summary.errors.write + summary.errors.timeout))
end
