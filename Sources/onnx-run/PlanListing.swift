import ONNXInterpreter
import ToolSupport

/// A plan as text: what each pass changed, then a line for each node with its kernel.
struct PlanListing {
  private let passes: Table
  private let steps: Table
  private let end: String

  /// Kinds of changes shown for one pass.
  private static let shownChanges = 6

  init(_ plan: PlanDescription) {
    var passes = Table(["pass": .left, "nodes": .left, "changes": .left])
    for report in plan.passes {
      let nodes =
        report.nodesBefore == report.nodesAfter
        ? "\(report.nodesAfter)" : "\(report.nodesBefore) → \(report.nodesAfter)"
      passes.append([report.pass, nodes, Self.text(report.changes)])
    }
    var steps = Table(["node": .left, "operator": .left, "output": .left, "kernel": .left])
    for step in plan.steps {
      let outputs = step.outputs.map { $0.type?.description ?? "?" }.joined(separator: ", ")
      steps.append([
        step.name.shortened, step.operatorType, outputs, step.notes.joined(separator: "; "),
      ])
    }
    (self.passes, self.steps) = (passes, steps)
    end = "\(plan.steps.count) nodes, \(formattedBytes(plan.arenaBytes)) between them"
  }

  func lines(columns: Int) -> [String] {
    passes.lines + [""] + steps.lines(columns: columns).map(\.escaped) + ["", end]
  }

  private static func text(_ changes: [PassReport.Change]) -> String {
    var parts = changes.prefix(shownChanges).map { change in
      change.count == 1 ? change.text : "\(change.text) ×\(change.count)"
    }
    if changes.count > shownChanges { parts.append("\(changes.count - shownChanges) more") }
    return parts.joined(separator: ", ").escaped
  }
}
