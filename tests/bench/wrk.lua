-- wrk -s wrk.lua ADDRESS -- FILE: asks for the pages of FILE in turn (path, tab, Cookie header), tells the result as JSON.
local pages, turn = {}, 0

function init(arguments)
  for line in io.lines(arguments[1]) do
    local path, cookie = line:match("^(.-)\t(.*)$")
    pages[#pages + 1] = wrk.format("GET", path, { Host = "shop.example", Cookie = cookie })
  end
end

function request()
  turn = turn % #pages + 1
  return pages[turn]
end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format(
    '{"requests": %d, "microseconds": %d, "bytes": %d, "failed": %d, "p99_microseconds": %d}\n',
    summary.requests, summary.duration, summary.bytes, e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(99)))
end
