-- Has wrk send several requests in one write, which it does not offer as an option, and says what
-- came of it on one line.

-- wrk asks for the request once, before it begins, as long as there is no function `request`.
function init(arguments)
   local depth = tonumber(arguments[1])
   local format = wrk.format
   wrk.format = function(...) return string.rep(format(...), depth) end
end

function done(summary, latency)
   local errors = summary.errors
   local wrong = errors.connect + errors.read + errors.write + errors.status + errors.timeout
   io.write(string.format("outcome %d %d %d %d %d\n", summary.requests, summary.duration,
      latency:percentile(50), latency:percentile(99), wrong))
end
