import ONNXFormat
import ONNXInterpreter
import ToolSupport

/// The times of a run.
struct RunTimes {
  let load: Duration
  /// The time of the run, which plans first.
  let run: Duration
  /// `nil` without a profile.
  let planning: Duration?
  let profile: ProfileTable?

  private func text(_ milliseconds: Double) -> String { formatted(milliseconds, "%.3f") + " ms" }

  var line: String { "time \(text(run.milliseconds)) (load \(text(load.milliseconds)))" }

  /// The tables of nodes and operators, and the parts that make up the time.
  func lines(columns: Int) -> [String] {
    guard let profile, let planning else { return [] }
    let rest = max(0, run.milliseconds - planning.milliseconds - profile.total)
    return profile.lines(columns: columns) + [
      "",
      "load \(text(load.milliseconds))",
      "time \(text(run.milliseconds)) = plan \(text(planning.milliseconds)) + nodes "
        + "\(text(profile.total)) + rest \(text(rest))",
    ]
  }

  /// The nodes as a list of objects, the slowest first.
  var nodesJSON: JSON {
    .array(
      (profile?.nodes ?? []).map { row in
        .object([
          "name": .string(row.name), "operator": .string(row.operatorType),
          "ms": .double(row.milliseconds), "calls": .int(row.calls),
          "share": .double(row.milliseconds / max(profile?.total ?? 0, 1e-9)),
        ])
      })
  }
}

/// An output as an object.
/// - Parameters:
///   - top: the most classes of a row of scores
///   - hasValues: whether to list the elements
func outputJSON(
  _ name: String, _ value: Value, labels: [String], top: Int, hasValues: Bool
) -> JSON {
  let tensor = value.tensor
  let range = tensor.flatMap(NumberRange.init)
  let ranking = tensor.flatMap { top > 0 ? Ranking($0, count: top) : nil }
  return .object([
    "name": .string(name), "type": .string(tensor.map { "\($0.elementType)" } ?? "\(value.type)"),
    "shape": tensor.map { .array($0.shape.map(JSON.int)) } ?? .null,
    "min": range.map { .double($0.least) } ?? .null,
    "mean": range.map { .double($0.mean) } ?? .null,
    "max": range.map { .double($0.most) } ?? .null,
    "nan": range.map { .int($0.notNumbers) } ?? .null,
    "infinite": range.map { .int($0.infinities) } ?? .null,
    "classes": ranking.map { ranking in
      .array(
        ranking.entries.map { entry in
          .object([
            "index": .int(entry.index),
            "label": entry.index < labels.count ? .string(labels[entry.index]) : .null,
            "score": .double(entry.score), "probability": .double(entry.probability),
          ])
        })
    } ?? .null,
    "values": hasValues ? tensor.map(elements) ?? .null : .null,
  ])
}

/// The elements of a tensor in row-major order.
private func elements(_ tensor: Tensor) -> JSON {
  switch tensor.elementType {
  case .string: return .array(tensor.elements(as: String.self).map(JSON.string))
  case .bool: return .array(tensor.bits(as: UInt8.self).map { .bool($0 != 0) })
  case .int64: return .array(tensor.elements(as: Int64.self).map { .int(Int($0)) })
  default:
    guard let numbers = tensor.numbers else { return .null }
    let isInteger = !tensor.elementType.isFloatingPoint
    return .array(
      (0..<tensor.count).map { index in
        let number = numbers(index)
        // uint64 may exceed Int.
        return isInteger ? Int(exactly: number).map(JSON.int) ?? .double(number) : .double(number)
      })
  }
}

/// The finite numbers of a tensor.
private struct NumberRange {
  var least = Double.nan
  var most = Double.nan
  var mean = Double.nan
  var notNumbers = 0
  var infinities = 0

  init?(_ tensor: Tensor) {
    guard let numbers = tensor.numbers else { return nil }
    var (sum, count) = (0.0, 0)
    for index in 0..<tensor.count {
      let number = numbers(index)
      if number.isNaN {
        notNumbers += 1
      } else if number.isInfinite {
        infinities += 1
      } else {
        least = count == 0 ? number : min(least, number)
        most = count == 0 ? number : max(most, number)
        sum += number
        count += 1
      }
    }
    if count > 0 { mean = sum / Double(count) }
  }
}
