-- wrk script: what strangers, clients of the API and a monitor ask of web, in turns.
-- API_TOKEN: a client's token; FIRST_PLAYER: Telegram ids of PLAYERS buyers start here.
local token = "Bearer " .. os.getenv("API_TOKEN")
local first, players = tonumber(os.getenv("FIRST_PLAYER")), tonumber(os.getenv("PLAYERS"))
local csrf = string.rep("a", 32)
local form = {
  ["Content-Type"] = "application/x-www-form-urlencoded",
  ["Cookie"] = "csrftoken=" .. csrf,
}
local client = { ["Authorization"] = token }
local count = 0

local asks = {
  function()
    local body = string.format("csrfmiddlewaretoken=%s&username=nobody%d&password=wrong", csrf, count)
    return wrk.format("POST", "/admin/login/", form, body)
  end,
  function() return wrk.format("GET", "/api/v1/schema/", client) end,
  function() return wrk.format("GET", "/api/v1/schema/") end,
  function() return wrk.format("GET", "/readyz") end,
  function()
    local body = string.format('{"player": %d, "product": "ENERGY_10"}', first + count % players)
    return wrk.format("POST", "/api/v1/purchases/", {
      ["Authorization"] = token,
      ["Content-Type"] = "application/json",
      ["Idempotency-Key"] = string.format("%d-%d", os.time(), count),
    }, body)
  end,
}

function request()
  count = count + 1
  return asks[count % #asks + 1]()
end

function done(summary)
  io.write(string.format('RESULT {"per_second": %.1f, "errors": %d}\n',
    summary.requests / (summary.duration / 1e6),
    summary.errors.connect + summary.errors.read + summary.errors.write))
end
