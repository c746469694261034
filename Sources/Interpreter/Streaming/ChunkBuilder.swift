import ONNXFormat
import ONNXOperators

/// Turns a model of a whole sequence into one of chunks, node by node.
///
/// Types inferred for two lengths of the sequence show which axis of a value holds the steps;
/// `Operator.steps(_:)` says how a node combines them. Windows read a buffer of the steps before the
/// chunk, and states go from chunk to chunk.
struct ChunkBuilder {
  /// How a value depends on the sequence.
  private enum Dependence {
    /// Not at all.
    case fixed
    /// It holds steps along an axis.
    case steps(SequencePace, axis: Int)
    /// It depends on the steps up to the last, and has no axis for them.
    case last(SequencePace)
    /// It depends on the number of steps alone.
    case length
  }

  private let program: Program
  private let engine: Engine
  /// The types and constants for two lengths of the sequence.
  private let short: Inference
  private let long: Inference
  private let graph: Graph
  private var dependences: [Dependence]
  private var builder: GraphBuilder
  private var result: ChunkedModel
  private var stateInputs: [ValueInfo] = []
  private var stateOutputs: [ValueInfo] = []

  /// - Parameters:
  ///   - axes: the axis of the steps of each input that has steps
  ///   - sizes: sizes of symbolic dimensions; the default is 1
  static func chunked(
    _ model: Model, axes: [String: Int], sizes: [String: Int], engine: Engine
  ) throws(ModelError) -> ChunkedModel {
    var model = model
    model.graph = try expandFunctions(model, engine)
    model.functions = []
    var builder = try ChunkBuilder(model, axes: axes, sizes: sizes, engine: engine)
    for node in builder.program.nodes {
      do throws(OperatorError) { try builder.add(node) } catch { throw node.error(error) }
    }
    return try builder.finished()
  }

  private init(
    _ model: Model, axes: [String: Int], sizes: [String: Int], engine: Engine
  ) throws(ModelError) {
    graph = model.graph
    self.engine = engine
    let program = try Program(
      model.graph, operatorSets: OperatorSets(model.operatorSets), engine: engine)
    self.program = program

    func inferred(_ length: Int) throws(ModelError) -> Inference {
      var types: [ValueType?] = []
      for (number, type) in zip(program.inputs, program.inputTypes) {
        guard let tensor = type?.tensorType, let shape = tensor.shape else {
          types.append(type)
          continue
        }
        let axis = axes[program.names[Int(number)]]
        types.append(
          .tensor(
            tensor.elementType,
            shape.indices.map { index in
              if index == axis { return length }
              if case .symbol(let name) = shape[index] { return sizes[name] ?? 1 }
              return shape[index].size ?? 1
            }))
      }
      return try Inference(program, inputs: types, engine: engine, lenient: false)
    }
    // A sequence must be longer than the windows over it.
    var lengths = [1 << 10, 1 << 16, 1 << 22][...]
    var first: ModelError?
    var found: (short: Inference, long: Inference)?
    while found == nil, let length = lengths.popFirst() {
      do throws(ModelError) {
        found = (try inferred(length), try inferred(2 * length))
      } catch { first = first ?? error }
    }
    guard let found else { throw Self.fixedLength(first) }
    (short, long) = found

    dependences = Array(repeating: .fixed, count: program.names.count)
    result = ChunkedModel(model: model)
    builder = GraphBuilder(taken: Set(program.names))
    for number in program.inputs {
      if let axis = axes[program.names[Int(number)]] {
        dependences[Int(number)] = .steps(SequencePace(), axis: axis)
        let name = program.names[Int(number)]
        result.sizes[name] = short.types[Int(number)]?.tensorType?.shape?.sizes
      }
    }
  }

  /// The error of a model that does not run on sequences of any length.
  private static func fixedLength(_ error: ModelError?) -> ModelError {
    guard case .node(let name, let type, let reason)? = error else {
      return error ?? .graph("the model has no types")
    }
    return .node(
      name: name, operatorType: type,
      .unsupported("a stream through a graph made for one number of steps: \(reason)"))
  }

  // MARK: Nodes

  private mutating func add(_ node: Program.Node) throws(OperatorError) {
    let original = graph.nodes[node.position]
    let captured = node.subgraphs.flatMap(\.captures)
    if (node.inputs + captured).allSatisfy({ isFixed($0) }) { return builder.append(original) }
    if try addConstants(node) { return }
    guard node.subgraphs.isEmpty else {
      throw .unsupported("a stream through a node with graphs of its own")
    }

    var axes: [Int?] = Array(repeating: nil, count: node.inputs.count)
    var paces: [SequencePace] = []
    var last: SequencePace?
    var dependsOnLength = false
    for (index, number) in node.inputs.enumerated() where number >= 0 {
      switch dependences[Int(number)] {
      case .fixed: break
      case .steps(let pace, let axis):
        axes[index] = axis
        paces.append(pace)
      case .last(let pace): last = pace
      case .length:
        if !node.body.shapeInputs.contains(index) || paces.isEmpty { dependsOnLength = true }
      }
    }
    if node.body.needsOnlyTypes || dependsOnLength && paces.isEmpty && last == nil {
      builder.append(original)
      return set(node, .length)
    }
    guard !dependsOnLength else {
      throw .unsupported(
        "a stream does not know the number of steps of the sequence, on which an input depends")
    }
    guard let pace = paces.first else {
      builder.append(original)
      return set(node, .last(last ?? SequencePace()))
    }
    guard last == nil else {
      throw .unsupported(
        "a stream knows the last step of the sequence only at its end, but the node needs it for "
          + "every step")
    }
    guard paces.allSatisfy({ $0 == pace }) else {
      throw .unsupported("a stream through inputs whose steps do not come at the same time")
    }
    try add(node, original, axes: axes, pace)
  }

  /// Adds a node of which some inputs hold steps.
  private mutating func add(
    _ node: Program.Node, _ original: Node, axes: [Int?], _ pace: SequencePace
  ) throws(OperatorError) {
    guard let inputs = short.inputs(of: node, engine: engine, lenient: false),
      let output = node.outputs.first(where: { $0 >= 0 }),
      let sizes = short.types[Int(output)]?.tensorType?.shape?.sizes
    else { throw .unsupported("a stream through a node whose sizes depend on data") }
    let site = StepSite(
      node: original, inputs: inputs, axes: axes, output: sizes, outputAxis: try axis(of: output))
    switch try node.body.steps(site) {
    case .sameStep:
      builder.append(original)
      for number in node.outputs where number >= 0 {
        guard let axis = try axis(of: number) else { throw Self.wholeSequence }
        dependences[Int(number)] = .steps(pace, axis: axis)
      }
    case .window(let window): try add(window, node, axes[0], pace)
    case .recurrent(let states): try addRecurrent(node, original, states, inputs, pace)
    case .lastStep:
      try check(pace)
      builder.append(original)
      set(node, .last(pace))
    case .wholeSequence: throw Self.wholeSequence
    }
  }

  private static let wholeSequence = OperatorError.unsupported(
    "a stream through a node that needs steps of the sequence which come later, or all before")

  /// Adds a node whose windows read the steps before the chunk from a buffer.
  private mutating func add(
    _ window: StepWindow, _ node: Program.Node, _ axis: Int?, _ pace: SequencePace
  ) throws(OperatorError) {
    guard let axis, let type = short.types[Int(node.inputs[0])]?.tensorType,
      let outputAxis = try self.axis(of: node.outputs[0])
    else { throw Self.wholeSequence }
    let (extent, stride) = (window.extent, window.stride)
    guard stride == 1 || (window.after == 0 && pace.tail == 0) else {
      throw .unsupported("a stream through windows that reach behind the last step")
    }
    guard pace.tail + window.after >= 0 else {
      throw .unsupported("a stream without its last \(-pace.tail - window.after) steps")
    }
    let limit = Int(Int32.max)
    guard max(extent, stride, window.before) < limit, pace.stride * stride < limit else {
      throw .unsupported("a stream through windows of \(limit) steps or more")
    }
    let next = SequencePace(
      stride: pace.stride * stride,
      extent: pace.extent + (extent - 1 - window.before) * pace.stride,
      tail: pace.tail + window.after)
    // A window that ends before the next one begins waits for it, so that no step need be skipped.
    let complete = pace.extent + (max(extent, stride) - 1 - window.before) * pace.stride
    result.firstCount = max(result.firstCount, complete)
    result.hop = leastCommonMultiple(result.hop, next.stride)
    guard next.extent < limit, result.hop < limit else {
      throw .unsupported("a stream through windows of \(limit) steps or more")
    }
    dependences[Int(node.outputs[0])] = .steps(next, axis: outputAxis)
    guard extent > 1 || stride > 1 || window.before > 0 else {
      return builder.append(window.node)
    }

    var sizes = type.shape?.sizes ?? []
    sizes[axis] = window.before
    let state = try addState(
      "\(window.node.outputs[0])_steps", filled(type.elementType, sizes, window.fill), axis: axis)
    let buffer = builder.node(
      "Concat", [state.input, window.node.inputs[0]], [.int("axis", axis)],
      hint: "\(window.node.outputs[0])_buffer")
    var reading = window.node
    reading.inputs[0] = buffer
    builder.append(reading)
    var start = builder.node(
      "Shape", [reading.outputs[0]],
      [.int("start", outputAxis), .int("end", outputAxis + 1)])
    if stride > 1 { start = builder.mul(start, builder.integers([stride])) }
    let rest = builder.node(
      "Slice", [buffer, start, builder.integers([Int(Int32.max)]), builder.integers([axis])],
      hint: state.output)
    define(state, as: rest)
  }

  /// Adds a node whose states go from chunk to chunk.
  private mutating func addRecurrent(
    _ node: Program.Node, _ original: Node, _ states: [(input: Int, output: Int)],
    _ inputs: Inputs, _ pace: SequencePace
  ) throws(OperatorError) {
    try check(pace)
    let types = try node.body.infer(inputs)
    var running = original
    for state in states {
      while running.inputs.count <= state.input { running.inputs.append("") }
      while running.outputs.count <= state.output { running.outputs.append("") }
      guard let type = types[state.output].tensorType, let sizes = type.shape?.sizes else {
        throw .unsupported("a stream through states of unknown sizes")
      }
      let first: Tensor
      if inputs.has(state.input) {
        guard let constant = inputs.constant(state.input) else {
          throw .input(
            state.input, "a stream needs an initial state that is known before the run")
        }
        first = constant
      } else {
        first = try filled(type.elementType, sizes, 0)
      }
      if running.outputs[state.output].isEmpty {
        running.outputs[state.output] = builder.unique("\(node.name)_state")
      }
      let name = running.outputs[state.output]
      let added = try addState("\(name)_before", first, axis: nil)
      running.inputs[state.input] = added.input
      define(added, as: name)
    }
    builder.append(running)
    for number in node.outputs where number >= 0 {
      if let axis = try axis(of: number) {
        dependences[Int(number)] = .steps(pace, axis: axis)
      } else {
        dependences[Int(number)] = .last(pace)
      }
    }
  }

  // MARK: Values

  private func isFixed(_ number: Int32) -> Bool {
    guard number >= 0 else { return true }
    if case .fixed = dependences[Int(number)] { return true }
    return false
  }

  private mutating func set(_ node: Program.Node, _ dependence: Dependence) {
    for number in node.outputs where number >= 0 { dependences[Int(number)] = dependence }
  }

  /// Replaces a node whose results are the same for sequences of any length by constants.
  private mutating func addConstants(_ node: Program.Node) throws(OperatorError) -> Bool {
    var constants: [(name: String, tensor: Tensor)] = []
    for number in node.outputs where number >= 0 {
      guard let a = short.constants[Int(number)]?.tensor,
        let b = long.constants[Int(number)]?.tensor, a == b
      else { return false }
      constants.append((program.names[Int(number)], a))
    }
    for (name, tensor) in constants {
      result.model.graph.initializers.append(NamedTensor(name, tensor))
    }
    return true
  }

  /// The axis along which the size of a value follows the length of the sequence; `nil` for none.
  private func axis(of number: Int32) throws(OperatorError) -> Int? {
    guard let a = short.types[Int(number)]?.tensorType?.shape?.sizes,
      let b = long.types[Int(number)]?.tensorType?.shape?.sizes, a.count == b.count
    else { throw .unsupported("a stream through a value whose sizes depend on data") }
    let axes = a.indices.filter { a[$0] != b[$0] }
    guard axes.count < 2 else {
      throw .unsupported("a stream through a value with an element for every pair of steps")
    }
    return axes.first
  }

  /// Checks that all steps of a value are known by the end of its chunk.
  private func check(_ pace: SequencePace) throws(OperatorError) {
    guard pace.tail == 0 else {
      throw .unsupported(
        "a stream through the last \(pace.tail) steps, which reach behind the sequence")
    }
  }

  private func filled(
    _ type: ElementType, _ sizes: [Int], _ value: Double
  ) throws(OperatorError) -> Tensor {
    guard let tensor = Tensor.zeros(type, sizes, limit: engine.memoryLimit / 16) else {
      throw .memory(needed: TensorType(type, sizes).byteCount ?? .max, limit: engine.memoryLimit)
    }
    guard value != 0, tensor.count > 0 else { return tensor }
    switch type {
    case .float32: return Tensor(shape: sizes, Array(repeating: Float(value), count: tensor.count))
    case .float64: return Tensor(shape: sizes, Array(repeating: value, count: tensor.count))
    default: throw .unsupported("a stream with padding of \(value) in \(type)")
    }
  }

  // MARK: States

  private typealias State = (input: String, output: String)

  /// Adds an input for a state.
  /// - Parameter axis: the axis along which the state may grow or shrink
  private mutating func addState(
    _ hint: String, _ first: Tensor, axis: Int?
  ) throws(OperatorError) -> State {
    let input = builder.unique(hint)
    var shape = Shape(first.shape)
    if let axis { shape[axis] = .unknown }
    stateInputs.append(ValueInfo(input, .tensor(first.elementType, shape)))
    result.initial[input] = first
    return (input, "\(hint)_next")
  }

  private mutating func define(_ state: State, as output: String) {
    stateOutputs.append(ValueInfo(output, nil))
    result.states[state.input] = output
  }

  // MARK: Result

  private mutating func finished() throws(ModelError) -> ChunkedModel {
    var graph = result.model.graph
    for (number, info) in zip(program.outputs, graph.outputs) {
      switch dependences[Int(number)] {
      case .fixed: result.outputs[info.name] = (SequencePace(), nil)
      case .last(let pace): result.outputs[info.name] = (pace, nil)
      case .steps(let pace, let axis):
        guard pace.tail == 0 else {
          throw .graph(
            "output \(info.name.quoted) has \(pace.tail) steps behind the last step of the "
              + "sequence, which a stream does not have")
        }
        result.outputs[info.name] = (pace, axis)
      case .length:
        throw .graph(
          "output \(info.name.quoted) depends on the number of steps, which a stream does not know")
      }
    }
    graph.nodes = builder.nodes
    graph.initializers += builder.initializers
    graph.valueInfos = []
    let initializers = Set(graph.initializers.compactMap(\.name))
    graph.inputs = graph.inputs.filter { !initializers.contains($0.name) }
    for index in graph.inputs.indices {
      guard let number = program.names.firstIndex(of: graph.inputs[index].name),
        case .steps(_, let axis) = dependences[number],
        var type = graph.inputs[index].type?.tensorType, var shape = type.shape
      else { continue }
      shape[axis] = .unknown
      type.shape = shape
      graph.inputs[index].type = .tensor(type)
    }
    graph.inputs += stateInputs
    graph.outputs = graph.outputs.map { ValueInfo($0.name, nil) } + stateOutputs
    result.model.graph = graph
    return result
  }
}

private func leastCommonMultiple(_ a: Int, _ b: Int) -> Int {
  var (x, y) = (a, b)
  while y != 0 { (x, y) = (y, x % y) }
  return a / x * b
}
