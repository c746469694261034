import Glibc
import ToolSupport

/// The time and memory of a model.
struct Measurement {
  let model: String
  let threads: Int
  let loadMilliseconds: Double
  let firstMilliseconds: Double
  /// Milliseconds of the runs after the first.
  let median: Double
  let least: Double
  let percentile99: Double
  let runs: Int
  let arenaBytes: Int
  let peakBytes: Int

  /// Nanoseconds of the monotonic clock, which all processes share.
  static var now: Int {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return time.tv_sec * 1_000_000_000 + time.tv_nsec
  }

  /// - Parameter samples: nanoseconds of at least one run after the first
  init(
    model: String, threads: Int, loadMilliseconds: Double, firstMilliseconds: Double,
    samples: [Int], arenaBytes: Int, peakBytes: Int
  ) {
    let sorted = samples.sorted()
    func milliseconds(_ rank: Double) -> Double {
      let index = Int((rank * Double(sorted.count)).rounded(.up)) - 1
      return Double(sorted[min(max(index, 0), sorted.count - 1)]) / 1e6
    }
    self.model = model
    self.threads = threads
    self.loadMilliseconds = loadMilliseconds
    self.firstMilliseconds = firstMilliseconds
    median = milliseconds(0.5)
    least = milliseconds(0)
    percentile99 = milliseconds(0.99)
    runs = samples.count
    self.arenaBytes = arenaBytes
    self.peakBytes = peakBytes
  }

  /// The numbers as text for the parent process.
  var text: String {
    let integers = [threads, runs, arenaBytes, peakBytes].map(String.init)
    let numbers = [loadMilliseconds, firstMilliseconds, median, least, percentile99]
    return (integers + numbers.map { "\($0)" }).joined(separator: " ")
  }

  init?(model: String, parsing text: String) {
    let words = text.split(whereSeparator: \.isWhitespace)
    let integers = words.prefix(4).compactMap { Int($0) }
    let numbers = words.dropFirst(4).compactMap { Double($0) }
    guard integers.count == 4, numbers.count == 5 else { return nil }
    self.model = model
    (threads, runs, arenaBytes, peakBytes) = (integers[0], integers[1], integers[2], integers[3])
    (loadMilliseconds, firstMilliseconds) = (numbers[0], numbers[1])
    (median, least, percentile99) = (numbers[2], numbers[3], numbers[4])
  }

  var json: JSON {
    .object([
      "model": .string(model), "threads": .int(threads), "load_ms": .double(loadMilliseconds),
      "first_ms": .double(firstMilliseconds), "median_ms": .double(median),
      "min_ms": .double(least), "p99_ms": .double(percentile99), "runs": .int(runs),
      "arena_bytes": .int(arenaBytes), "peak_rss_bytes": .int(peakBytes),
    ])
  }

  /// The cells of the row in the table of `bench`.
  var cells: [String] {
    let times = [loadMilliseconds, firstMilliseconds, median, least, percentile99]
    return [model.escaped, "\(threads)"] + times.map { formatted($0, "%.4g") }
      + ["\(runs)", formattedBytes(arenaBytes), formattedBytes(peakBytes)]
  }
}

/// The peak of this process's resident memory.
func peakResidentBytes() -> Int {
  // Not from getrusage, whose peak survives exec and may be the parent's.
  guard let status = try? readText("/proc/self/status"),
    let line = status.split(separator: "\n").first(where: { $0.hasPrefix("VmHWM:") }),
    let kilobytes = line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap({ Int($0) }
    )
  else { return 0 }
  return kilobytes * 1024
}
