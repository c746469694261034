import ONNXInterpreter
import ONNXSupport

/// Tables of the time of each node and of each operator, the slowest first.
package func profileTable(_ events: [Profile.Event]) -> [String] {
  let total = max(events.reduce(0) { $0 + $1.duration.milliseconds }, 1e-9)
  func table(_ column: String, _ key: (Profile.Event) -> String) -> [String] {
    var sums: [String: (milliseconds: Double, calls: Int)] = [:]
    for event in events {
      sums[key(event), default: (0, 0)].milliseconds += event.duration.milliseconds
      sums[key(event), default: (0, 0)].calls += 1
    }
    var table = Table(["ms": .right, "%": .right, "calls": .right, column: .left])
    for (name, sum) in sums.sorted(by: {
      ($1.value.milliseconds, $0.key) < ($0.value.milliseconds, $1.key)
    }) {
      table.append([
        formatted(sum.milliseconds, "%.4f"), formatted(sum.milliseconds / total * 100, "%.1f"),
        "\(sum.calls)", name.escaped,
      ])
    }
    return table.lines
  }
  return table("node") { "\($0.name) (\($0.operatorType))" } + [""]
    + table("operator", \.operatorType)
}
