import ONNXFormat
import ONNXOperators

/// The decisions of a plan in words: the effect of each pass, and the kernel of each node.
public struct PlanDescription: Sendable {
  /// A node of the optimised model.
  public struct Step: Sendable {
    /// The node's name, or `#` and its position.
    public let name: String
    /// The node's operator.
    public let operatorType: String
    /// The names and types of its outputs; a type is `nil` where it depends on data.
    public let outputs: [(name: String, type: ValueType?)]
    /// The algorithm, the reason for it, and how the outputs use memory, such as `in place`.
    public let notes: [String]
  }

  /// The effect of each pass, in the order they ran.
  public let passes: [PassReport]
  /// The nodes in the order they run.
  public let steps: [Step]
  /// Bytes of the memory that holds the values between inputs and outputs.
  public let arenaBytes: Int
}

extension Session {
  /// Describes the plan for inputs of these shapes. Nothing is run.
  /// - Parameter shapes: shapes by input name; inputs left out have their declared type
  /// - Throws: `ModelError` for shapes that do not fit a node, and a plan that needs more memory than
  ///   the limit.
  public func describePlan(
    shapes: [String: [Int]] = [:]
  ) throws(ModelError) -> PlanDescription {
    let log = PlanLog()
    let plan = try Planner.plan(
      program, inputs: inputTypes(shapes: shapes), engine: engine, log: log)
    let program = log.program ?? program
    let steps = program.nodes.enumerated().map { index, node in
      PlanDescription.Step(
        name: node.name, operatorType: node.operatorType,
        outputs: node.outputs.filter { $0 >= 0 }.map {
          (program.names[Int($0)], log.types[Int($0)])
        },
        notes: log.notes[index] ?? [])
    }
    return PlanDescription(passes: passReports, steps: steps, arenaBytes: plan.arenaBytes)
  }
}

/// Takes notes while a plan is made.
final class PlanLog {
  /// The program that the plan runs.
  private(set) var program: Program?
  /// The inferred types of values, by number.
  private(set) var types: [ValueType?] = []
  /// The notes on each node, by its place in the program.
  private(set) var notes: [Int: [String]] = [:]

  /// Begins the notes on a program.
  func begin(_ program: Program, _ types: [ValueType?]) {
    self.program = program
    self.types = types
  }

  /// Adds a note on a node.
  func note(_ node: Int, _ text: String) { notes[node, default: []].append(text) }
}
