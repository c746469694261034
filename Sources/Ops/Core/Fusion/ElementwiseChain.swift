import ONNXFormat
import RealModule

/// Elementwise operations on tensors of the same shape, one after the other, in a single pass over
/// memory, such as the formula of an optimiser or a gate.
///
/// The values of the chain are the inputs of the node, followed by the result of each step. An input
/// with a single element is broadcast. Attributes are the operators of the steps (`operators`) with
/// their domains and versions, the numbers of two values that each works on (`operands`, −1 for no
/// second one), and the numbers of the values that are outputs (`results`). The attributes of a step's
/// operator have the number of the step before their names: `3.alpha`.
package struct ElementwiseChain: Operator {
  package static let schema = Schema(
    "ElementwiseChain", domain: "swift.onnx", [1: [.float32, .float64]], inputs: .atLeast(1),
    outputs: .atLeast(1))
  private let steps: [(operator: any ChainedOperator, operands: [Int])]
  private let names: [String]
  private let results: [Int]
  private let inputCount: Int

  /// The number of elements that pass through all steps at a time: the values of a step and of those
  /// around it stay in the first-level cache.
  private static let block = 512
  /// The largest number of steps whose results of a block fit into the cache.
  package static let mostSteps = 48

  package init(_ node: inout NodeReader) throws(OperatorError) {
    let inputCount = node.inputCount
    self.inputCount = inputCount
    let names = try node.optionalStrings("operators") ?? []
    let domains = try node.optionalStrings("domains") ?? []
    let versions = try node.ints("versions")
    let operands = try node.ints("operands")
    results = try node.ints("results")
    guard operands.count == 2 * names.count, names.count <= Self.mostSteps,
      node.outputCount == results.count
    else { throw .attribute("operands", "expected two for each operator") }
    guard domains.count == names.count, versions.count == names.count else {
      throw .attribute("domains", "expected a domain and a version for each operator")
    }
    var steps: [(operator: any ChainedOperator, operands: [Int])] = []
    for (index, name) in names.enumerated() {
      let pair = Array(operands[2 * index..<2 * index + 2]).filter { $0 != -1 }
      let step = Node(
        name, domain: domains[index], inputs: pair.map { "\($0)" }, outputs: ["y"],
        attributes: node.attributes(prefix: "\(index)."))
      guard domains[index] != Registry.privateDomain,
        let made = try node.registry.make(step, operatorSet: versions[index]).operator
          as? any ChainedOperator,
        !pair.isEmpty, pair.allSatisfy({ (0..<inputCount + index).contains($0) })
      else {
        throw .attribute("operators", "'\(name)' of values \(pair) cannot be a step of a chain")
      }
      steps.append((made, pair))
    }
    self.steps = steps
    self.names = names
    guard results.allSatisfy({ (inputCount..<inputCount + names.count).contains($0) }) else {
      throw .attribute("results", "expected the numbers of steps")
    }
  }

  package func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let type = try inputs.tensor(0).elementType
    var shape: Shape?
    for index in 0..<inputs.count {
      guard let own = try inputs.tensor(index, sameTypeAs: 0).shape else { continue }
      if own.sizes?.elementCount == 1, shape != nil { continue }
      if let known = shape, known.sizes?.elementCount != 1 {
        _ = try OperandAlignment.none.shape(known, own)
      } else {
        shape = own
      }
    }
    return Array(repeating: .tensor(type, shape), count: results.count)
  }

  package func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    call.note("\(names.joined(separator: ", ")) in one pass")
    switch try call.elementType(0) {
    case .float32: return try kernel(call, Float.self)
    case .float64: return try kernel(call, Double.self)
    case let type: throw .input(0, "unexpected element type \(type)")
    }
  }

  private func kernel<T: Element>(
    _ call: Preparation, _ type: T.Type
  ) throws(OperatorError) -> Kernel {
    let count = try call.outputCount(0)
    // The distance between consecutive elements of each value.
    var strides: [Int] = []
    for index in 0..<inputCount {
      let own = try call.inputCount(index)
      guard own == count || own == 1 else {
        throw .input(index, "expected \(count) elements or one, got \(own)")
      }
      strides.append(own == 1 && count != 1 ? 0 : 1)
    }
    var loops: [(loop: AnyBinaryLoop, a: Int, b: Int)] = []
    for step in steps {
      guard let loop = step.operator.chainLoop(T.elementType) else {
        throw .input(0, "unexpected element type \(T.elementType)")
      }
      loops.append((loop, step.operands[0], step.operands.last ?? step.operands[0]))
    }
    strides += Array(repeating: 1, count: loops.count)
    let tiles = Tiles(count, cost: loops.count)
    let (inputs, block) = (inputCount, Self.block)
    let values = strides.count
    let outputs: [Int?] = (0..<values).map { results.firstIndex(of: $0) }
    let (rows, rowCount) = scratchRows()
    let wanted = results.indices.map { call.wants($0) }
    let tile: Buffers.Tile = { [strides, loops] buffers, task, _ in
      withUnsafeTemporaryAllocation(of: T.self, capacity: rowCount * block) { memory in
        withUnsafeTemporaryAllocation(of: UnsafeMutablePointer<T>.self, capacity: values) { at in
          guard let scratch = memory.baseAddress, let table = at.baseAddress else { return }
          let range = tiles[task]
          for start in stride(from: range.lowerBound, to: range.upperBound, by: block) {
            let size = min(block, range.upperBound - start)
            for value in 0..<values {
              let place: UnsafeMutablePointer<T>
              if value < inputs {
                place =
                  UnsafeMutablePointer(mutating: buffers.input(value, as: T.self))
                  + start * strides[value]
              } else if let output = outputs[value], wanted[output] {
                place = buffers.output(output, as: T.self) + start
              } else {
                place = scratch + rows[value - inputs] * block
              }
              (table + value).initialize(to: place)
            }
            for (index, step) in loops.enumerated() {
              step.loop.run(
                at[step.a], strides[step.a], at[step.b], strides[step.b], at[inputs + index], size)
            }
          }
        }
      }
    }
    return .compute { buffers in buffers.parallel(tiles.count, tile) }
  }
}

extension ElementwiseChain {
  /// The row of scratch memory that holds the result of each step, and the number of rows. A row is
  /// used again once no step needs its values.
  private func scratchRows() -> (rows: [Int], count: Int) {
    var last = Array(0..<inputCount + steps.count)
    for (index, step) in steps.enumerated() {
      for operand in step.operands { last[operand] = inputCount + index }
    }
    var (rows, free, count): ([Int], [Int], Int) = ([], [], 0)
    for (index, step) in steps.enumerated() {
      if free.isEmpty {
        rows.append(count)
        count += 1
      } else {
        rows.append(free.removeLast())
      }
      let now = inputCount + index
      for value in Set(step.operands + [now]) where value >= inputCount && last[value] == now {
        free.append(rows[value - inputCount])
      }
    }
    return (rows, count)
  }
}

/// An operator on one or two tensors of one type that a chain can have as a step, in any domain. An
/// `ElementwiseOperator` needs no more than the conformance.
public protocol ChainedOperator: Operator {
  /// The loop for elements of this type, float32 or float64; `nil` if there is none. A single operand
  /// is the first. A requirement, so that the loop is compiled for each operator.
  func chainLoop(_ type: ElementType) -> AnyBinaryLoop?
}

extension ArithmeticOperator where Self: ChainedOperator {
  /// `arithmeticLoop(_:)`.
  @inlinable public func chainLoop(_ type: ElementType) -> AnyBinaryLoop? { arithmeticLoop(type) }
}

extension ElementwiseOperator where Self: ChainedOperator {
  /// A loop over float32 or float64 that calls `apply`.
  @inlinable public func chainLoop(_ type: ElementType) -> AnyBinaryLoop? {
    switch type {
    case .float32:
      let loop: UnaryLoop<Float, Float> =
        vectorised ?? { x, y, count in for i in 0..<count { y[i] = self.apply(x[i]) } }
      return AnyBinaryLoop {
        (x: UnsafePointer<Float>, _, _: UnsafePointer<Float>, _, y, count) in loop(x, y, count)
      }
    case .float64:
      return AnyBinaryLoop {
        (x: UnsafePointer<Double>, _, _: UnsafePointer<Double>, _, y, count) in
        for i in 0..<count { y[i] = self.apply(x[i]) }
      }
    default: return nil
    }
  }
}

/// Collects the nodes of a chain.
package struct ElementwiseChainBuilder {
  private var inputs: [String] = []
  private var nodes: [(node: Node, version: Int)] = []

  package init() {}

  /// Whether a chain of elements of this type can have the node, whose operator is `made`, as a step.
  package static func accepts(_ node: Node, _ made: any Operator, _ type: ElementType) -> Bool {
    guard let chained = made as? any ChainedOperator, chained.isPure, node.outputs.count == 1,
      (1...2).contains(node.inputs.count), !node.inputs.contains(""),
      chained.chainLoop(type) != nil
    else { return false }
    if let made = made as? any BinaryOperator {
      guard case .numpy = made.alignment else { return false }
    }
    return true
  }

  package static let mostSteps = ElementwiseChain.mostSteps

  /// Adds a step.
  /// - Parameter version: the version of the operator set whose rules the node follows
  package mutating func append(_ node: Node, version: Int) { nodes.append((node, version)) }

  /// The node that computes what all of them do.
  /// - Parameter outputs: which of their results are used elsewhere
  package func node(outputs: [String]) -> Node {
    let steps = nodes.map(\.node)
    let made = Set(steps.flatMap(\.outputs))
    var inputs: [String] = []
    for name in steps.flatMap(\.inputs) where !made.contains(name) && !inputs.contains(name) {
      inputs.append(name)
    }
    var values: [String: Int] = [:]
    for (index, name) in (inputs + steps.map { $0.outputs[0] }).enumerated() {
      values[name] = index
    }
    let operands = steps.flatMap { node in
      [values[node.inputs[0]] ?? 0, node.inputs.count > 1 ? values[node.inputs[1]] ?? 0 : -1]
    }
    var attributes: [Attribute] = [
      .strings("operators", steps.map(\.operatorType)),
      .strings("domains", steps.map { Registry.normalized(domain: $0.domain) }),
      .ints("versions", nodes.map(\.version)), .ints("operands", operands),
      .ints("results", outputs.map { values[$0] ?? 0 }),
    ]
    for (index, step) in steps.enumerated() {
      attributes += step.attributes.map { Attribute("\(index).\($0.name)", $0.value) }
    }
    return Node(
      ElementwiseChain.schema.name, domain: ElementwiseChain.schema.domain, name: steps.last?.name,
      inputs: inputs, outputs: outputs, attributes: attributes)
  }
}
