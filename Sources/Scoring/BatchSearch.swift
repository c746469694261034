import ONNXFormat
import ONNXSupport

/// Finds the number of rows that a model computes fastest at once.
struct BatchSearch {
  private static let sizes = [1, 4, 16, 64, 256]
  /// The most bytes of the inputs and outputs of a batch.
  private static let mostBytes = 64 << 20
  /// The time that a batch size is measured for. If one run takes as long, larger ones are not tried:
  /// they gain little, and the search would take a notable part of a short job.
  private static let longestRun = Duration.milliseconds(100)
  /// The rows that are compared alone and together.
  private static let compared = 4

  /// - Parameters:
  ///   - block: the first rows
  ///   - wanted: the batch that the user asked for
  /// - Returns: the number of rows, and a text on what was found out
  static func batch(
    _ model: RowModel, _ block: Block, wanted: Int?
  ) throws -> (size: Int, note: String?) {
    if let fixed = model.fixedBatch {
      guard wanted ?? fixed == fixed else {
        throw Failure("--batch \(wanted ?? 0): the model computes \(fixed) rows at once")
      }
      return (fixed, nil)
    }
    if wanted == 1 { return (1, nil) }
    let most = model.end(of: block, from: 0, limit: block.count)
    if most > 1 {
      let problem = try dependence(model, block, min(most, compared))
      if let problem {
        guard wanted == nil else { throw Failure("--batch \(wanted ?? 0): \(problem)") }
        return (1, "\(problem), so they are computed one by one")
      }
    } else if wanted == nil {
      return (1, nil)
    }
    if let wanted { return (wanted, nil) }
    var best = (size: 1, rate: 0.0)
    for size in sizes where size <= most {
      let start = ContinuousClock.now
      let outputs = try model.run(block, 0..<size)
      let bytes = outputs.reduce(0) { $0 + $1.storage.byteCount }
      var shortest = ContinuousClock.now - start
      for _ in 0..<5 where .now - start < longestRun {
        shortest = min(
          shortest, try ContinuousClock().measure { _ = try model.run(block, 0..<size) })
      }
      let rate = Double(size) / (shortest / .seconds(1))
      if rate > best.rate * 1.03 { best = (size, rate) }
      if rate < best.rate * 0.8 || shortest > longestRun || bytes * 4 > mostBytes { break }
    }
    return (best.size, nil)
  }

  /// A sentence on rows whose results depend on the other rows of their batch; `nil` if they do not.
  private static func dependence(
    _ model: RowModel, _ block: Block, _ count: Int
  ) throws -> String? {
    let names = model.session.outputs.map(\.name)
    let together: [Tensor]
    do { together = try model.run(block, 0..<count) } catch {
      // A model may be exported with a free dimension and work for one row only.
      _ = try model.run(block, 0..<1)
      return "the model fails for \(count) rows at once (\(error))"
    }
    for row in 0..<count {
      for (index, alone) in try model.run(block, row..<row + 1).enumerated() {
        let other = try together[index].rows(row..<row + 1)
        guard alone.shape == other.shape, isClose(alone, other) else {
          return "the output \(names[index].quoted) of a row depends on the other rows of its batch"
        }
      }
    }
    return nil
  }

  private struct Closeness: RealVisitor {
    func visit<T: RealElement>(_ type: T.Type, _ pair: (Tensor, Tensor)) -> Bool {
      let (a, b) = (pair.0.elements(as: T.self), pair.1.elements(as: T.self))
      let scale = a.reduce(0) { max($0, abs(Double($1.compute))) }
      return zip(a, b).allSatisfy {
        let (x, y) = (Double($0.compute), Double($1.compute))
        return x == y || x.isNaN && y.isNaN || abs(x - y) <= 1e-4 * scale
      }
    }
  }

  private static func isClose(_ a: Tensor, _ b: Tensor) -> Bool {
    a == b
      || a.elementType == b.elementType
        && a.elementType.dispatchReal(to: Closeness(), (a, b)) == true
  }
}
