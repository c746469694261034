import Foundation
import ONNX
import ONNXConversion
import Synchronization
import Testing
import ToolSupport

/// The standard's cases give the same outputs in other operator sets.
///
/// With `ONNX_OPSETS=all`, each case is converted to all versions at which one of its operators changed,
/// to the versions before them, and back. By default every fourth case is converted to the newest
/// version and to an older one.
/// `ONNX_CONVERTED=FOLDER` keeps the converted models, for `tools/compare/opsets.py`.
@Suite struct ModelOperatorSetCasesTests {
  private static let environment = ProcessInfo.processInfo.environment
  private static let takesAll = ModelCase.takesAll
  private static let folder = environment["ONNX_CONVERTED"]

  struct Counts {
    var cases = 0
    /// Pairs that need all inputs but the first as constants.
    var frozen = 0
    var pairs = 0
    var same = 0
    var back = 0
    var refused: [String: Int] = [:]
    var wrong: [String] = []
    var refusals: [String] = []
  }

  /// The state that the tasks share.
  final class Tally: Sendable {
    let counts = Mutex(Counts())
    private let next = Atomic<Int>(0)

    func nextCase(of names: [String]) -> String? {
      let index = next.add(1, ordering: .relaxed).oldValue
      return index < names.count ? names[index] : nil
    }
  }

  @Test(
    .enabled(if: isFolder("\(standardCases)/node"), "tools/test writes the standard's cases first"))
  func casesComputeTheSame() async throws {
    let names = try ModelCase.names()
    let tally = Tally()
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<2 {
        group.addTask {
          while let name = tally.nextCase(of: names) {
            do { try Self.convert(try ModelCase(name), tally) } catch {
              tally.counts.withLock { $0.wrong.append("\(name): \(error)") }
            }
          }
        }
      }
    }
    let result = tally.counts.withLock { $0 }
    print(
      """
      Operator sets: \(result.cases) cases, \(result.pairs) pairs of versions, \
      \(result.same) compute the same \
      (\(result.frozen) with inputs made constants), \(result.back) of them came back, \
      \(result.refused.values.reduce(0, +)) refused
      """)
    if Self.takesAll {
      for (reason, count) in result.refused.sorted(by: { $0.value > $1.value }) {
        print("  \(count)\t\(reason)")
      }
    }
    if let folder = Self.folder {
      try result.refusals.sorted().joined(separator: "\n").write(
        toFile: "\(folder)/refused.txt", atomically: true, encoding: .utf8)
    }
    #expect(result.cases > 400)
    #expect(result.wrong.isEmpty, "\(result.wrong.sorted().joined(separator: "\n"))")
  }

  /// The domain of a case, its version, and the target versions.
  private static func targets(_ model: Model) -> (domain: String, source: Int, targets: [Int])? {
    let sets = model.operatorSets.map { (Registry.normalized(domain: $0.domain), Int($0.version)) }
    guard let (domain, source) = sets.first(where: { $0.0 == "ai.onnx.ml" }) ?? sets.first,
      let newest = Registry.standard.newestVersion(of: domain)
    else { return nil }
    var versions: Set<Int> = []
    for node in model.graph.nodes where Registry.normalized(domain: node.domain) == domain {
      guard let history = Registry.standard.history(of: node.operatorType, domain: domain) else {
        continue
      }
      versions.insert(history.first)
      for step in history.steps { versions.formUnion([step.version, step.version - 1]) }
    }
    if takesAll, domain.isEmpty { versions.formUnion([7, 9, 11, 13, 17, 21]) }
    let older = versions.filter { $0 >= 1 && $0 < source }.sorted()
    let newer = versions.filter { $0 > source && $0 < newest }.sorted()
    if takesAll { return (domain, source, older + newer + (source == newest ? [] : [newest])) }
    return (domain, source, Array(older.suffix(1)) + (source == newest ? [] : [newest]))
  }

  private static func convert(_ item: ModelCase, _ tally: Tally) throws {
    guard let (domain, source, targets) = targets(item.model) else { return }
    let before = try item.run(item.model)
    let again = try item.run(item.model)
    // Older operator sets draw other numbers for the same seed.
    let isRandom =
      item.name.hasPrefix("test_bernoulli")
      || before.contains { name, value in
        again[name].map { difference($0, from: value, item.tolerance) != nil } ?? true
      }
    tally.counts.withLock { $0.cases += 1 }
    for target in targets {
      tally.counts.withLock { $0.pairs += 1 }
      let label = "\(item.name) \(source)->\(target)"
      let converted: Model
      var item = item
      do {
        do {
          converted = try item.model.converted(toOperatorSet: target, domain: domain)
        } catch {
          guard "\(error)".contains("must be a constant") else { throw error }
          item = item.frozen
          converted = try item.model.converted(toOperatorSet: target, domain: domain)
          tally.counts.withLock { $0.frozen += 1 }
        }
      } catch let error as ModelError {
        var reason = "\(error)"
        if case .node(_, let type, let inner) = error { reason = "\(type): \(inner)" }
        tally.counts.withLock {
          $0.refused[reason, default: 0] += 1
          $0.refusals.append("\(label): \(error)")
        }
        continue
      }
      if let folder {
        let name = domain.isEmpty ? "ai.onnx" : domain
        try converted.write(to: "\(folder)/\(item.name)-\(name)-\(target).onnx")
      }
      if let problem = try compare(item, converted, before, isRandom) {
        tally.counts.withLock { $0.wrong.append("\(label): \(problem)") }
        continue
      }
      tally.counts.withLock { $0.same += 1 }
      guard takesAll else { continue }
      guard let back = try? converted.converted(toOperatorSet: source, domain: domain) else {
        continue
      }
      if let problem = try compare(item, back, before, isRandom) {
        tally.counts.withLock { $0.wrong.append("\(label)->\(source): \(problem)") }
      } else {
        tally.counts.withLock { $0.back += 1 }
      }
    }
  }

  private static func compare(
    _ item: ModelCase, _ model: Model, _ before: [String: Value], _ isRandom: Bool
  ) throws -> String? {
    let after: [String: Value]
    do { after = try item.run(model) } catch { return "\(error)" }
    for (name, value) in before {
      guard let result = after[name] else { return "output '\(name)' is missing" }
      if isRandom, result.type == value.type { continue }
      if let difference = difference(result, from: value, item.tolerance) {
        return "output '\(name)': \(difference)"
      }
    }
    return nil
  }
}
