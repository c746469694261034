import ONNXFormat
import ONNXOperators
import Synchronization

/// The type of every value of a program, and its contents where they follow without a run.
package struct Inference {
  /// The types by number; `nil` where nothing is known.
  private(set) var types: [ValueType?]
  /// The contents by number; `nil` where they are not known before the run.
  package private(set) var constants: [Value?]
  private let steps: InferenceSteps

  /// The most bytes of a result computed before the run; a plan should not hold copies of more.
  private static let largestConstant = 1 << 16

  /// Walks the program once, in its order.
  /// - Parameters:
  ///   - inputs: types of the program's inputs, `nil` for unknown
  ///   - captures: types of the captured values
  ///   - captureConstants: the contents of captured values that are the same in each run
  ///   - lenient: whether a subgraph that does not fit its inputs has unknown outputs instead of an
  ///     error, since it may never run
  ///   - steps: the steps left for subgraphs; the default suits the program's size
  /// - Throws: `ModelError.node` for inputs that do not fit a node.
  package init(
    _ program: Program, inputs: [ValueType?], captures: [ValueType?] = [],
    captureConstants: [Value?] = [], engine: Engine, lenient: Bool, steps: InferenceSteps? = nil
  ) throws(ModelError) {
    self.steps = steps ?? InferenceSteps(program)
    types = Array(repeating: nil, count: program.names.count)
    constants = Array(repeating: nil, count: program.names.count)
    for (number, type) in zip(program.inputs, inputs) { types[Int(number)] = type }
    for (number, type) in zip(program.captures, captures) { types[Int(number)] = type }
    for (number, value) in zip(program.captures, captureConstants) {
      constants[Int(number)] = value
    }
    for (number, value) in program.constants {
      constants[Int(number)] = value
      types[Int(number)] = value.type
    }
    let run = Run(engine, seed: 0)
    for node in program.nodes {
      do throws(OperatorError) {
        try infer(node, run, lenient: lenient)
        if run.hasDeadline { try run.checkTime() }
      } catch { throw node.error(error) }
    }
  }

  /// The known types by name.
  package func types(of program: Program) -> [String: ValueType] {
    var result: [String: ValueType] = [:]
    for (name, type) in zip(program.names, types) where type != nil && !name.isEmpty {
      result[name] = type
    }
    return result
  }

  /// The types and contents of a node's inputs; `nil` where the type of one is not known.
  func inputs(of node: Program.Node, engine: Engine, lenient: Bool) -> Inputs? {
    for input in node.inputs where input >= 0 && types[Int(input)]?.isKnown != true { return nil }
    var subgraphs: [String: any SubgraphRunner] = [:]
    var first = 0
    for subgraph in node.subgraphs {
      let captured = subgraph.captures.map { constants[Int($0)] }
      // The plans of a program are shared, so they must not depend on captured constants.
      let plans =
        captured.allSatisfy { $0 == nil }
        ? subgraph.program.plans : PlanCache(limit: engine.options.maxPlans)
      subgraphs[subgraph.attribute] = Subgraph(
        program: subgraph.program, engine: engine, plans: plans,
        captureTypes: subgraph.captures.map { types[Int($0)] }, captureConstants: captured,
        firstCapture: first, lenient: lenient, steps: steps)
      first += subgraph.captures.count
    }
    return Inputs(
      types: node.inputs.map { $0 < 0 ? nil : types[Int($0)] },
      constants: node.inputs.map { $0 < 0 ? nil : constants[Int($0)] }, subgraphs: subgraphs)
  }

  private mutating func infer(
    _ node: Program.Node, _ run: Run, lenient: Bool
  ) throws(OperatorError) {
    guard let inputs = inputs(of: node, engine: run.engine, lenient: lenient) else { return }
    try node.check(inputs)
    let results = try node.body.inferChecked(inputs, outputs: node.outputs.count)
    for (output, type) in zip(node.outputs, results) where output >= 0 && type.isKnown {
      types[Int(output)] = type
    }
    guard isConstant(node, inputs, results) else { return }
    let values = try node.body.evaluate(
      inputs, Call(inputs: inputs.constants, pool: run.engine.pool, context: run),
      wanted: node.outputs.map { $0 >= 0 })
    for (output, value) in zip(node.outputs, values) where output >= 0 {
      constants[Int(output)] = value
      types[Int(output)] = value?.type
    }
  }

  private func isConstant(_ node: Program.Node, _ inputs: Inputs, _ results: [ValueType]) -> Bool {
    guard node.body.isPure, node.subgraphs.isEmpty else { return false }
    let needed = node.body.needsOnlyTypes
    for (type, value) in zip(inputs.types, inputs.constants) {
      guard let type, value == nil else { continue }
      guard needed, type.isComplete else { return false }
    }
    return zip(node.outputs, results).allSatisfy { output, type in
      output < 0 || (type.tensorType?.byteCount).map { $0 <= Self.largestConstant } == true
    }
  }
}

/// Bounds the nodes of subgraphs that inference visits. Loops visit their bodies until the types
/// settle, which multiplies where loops are nested; once the steps are used up, the remaining types
/// stay unknown until the run.
package final class InferenceSteps: Sendable {
  private let rest: Atomic<Int>

  init(_ program: Program) {
    rest = Atomic(64 * program.size)
  }

  /// Takes steps where so many are left.
  /// - Returns: whether they were.
  func take(_ count: Int) -> Bool {
    rest.wrappingSubtract(count + 1, ordering: .relaxed).newValue >= 0
  }
}

extension Program.Node {
  /// Checks the first input against the element types of the operator's version.
  func check(_ inputs: Inputs) throws(OperatorError) {
    guard let type = inputs.types.first??.tensorType, !types.contains(type.elementType) else {
      return
    }
    throw .input(0, "expected one of \(types), got \(type.elementType)")
  }
}

extension ValueType {
  /// Whether anything is known of the type.
  var isKnown: Bool { kind != .undefined }

  /// Whether the type is a tensor of known element type and sizes.
  var isFixed: Bool {
    guard case .tensor(let type) = kind else { return false }
    return type.elementType != .undefined && type.shape?.sizes != nil
  }

  /// Whether a plan needs no more: a tensor of known sizes, or another kind of value.
  var isComplete: Bool {
    guard case .tensor(let type) = kind else { return isKnown }
    return type.shape?.sizes != nil
  }
}

extension TensorType {
  /// Bytes of a tensor of this type; `nil` where sizes are unknown or the product overflows.
  var byteCount: Int? {
    guard let count = shape?.sizes?.elementCount else { return nil }
    let (bytes, overflow) = count.multipliedReportingOverflow(by: elementType.stride)
    return overflow ? nil : bytes
  }
}
