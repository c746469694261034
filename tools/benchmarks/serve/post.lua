-- Posts the file of BODY, and prints what wrk measured as JSON.
local function read(path)
  local file = assert(io.open(path, "rb"))
  local contents = file:read("*a")
  file:close()
  return contents
end

wrk.method = "POST"
wrk.body = read(os.getenv("BODY"))
wrk.headers["Content-Type"] = os.getenv("CONTENT_TYPE")
local json = os.getenv("JSON_LENGTH")
if json then
  wrk.headers["Inference-Header-Content-Length"] = json
end

function done(summary, latency)
  local errors = summary.errors
  print(string.format(
    '{"requests": %d, "seconds": %f, "p50": %f, "p99": %f, "failed": %d}',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3,
    latency:percentile(99) / 1e3,
    errors.status + errors.connect + errors.read + errors.write + errors.timeout))
end
