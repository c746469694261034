import ONNX
import ONNXImages
import ToolSupport

/// A model that is looked into: its nodes, and any value of a run.
struct ExplainedModel {
  let path: String
  private(set) var model: Model
  private let options: SessionOptions
  private let seed: UInt64
  /// What a run is given.
  private(set) var values: [String: Value] = [:]
  /// The tokens of the prompt, as the model reads them.
  private(set) var tokens: [String] = []

  /// - Throws: `Failure`, with the model's path
  init(_ arguments: ExplainArguments) throws(Failure) {
    path = arguments.model
    model = try readModel(path)
    options = arguments.session.options
    seed = arguments.session.seed
  }

  /// The name of a node, or of its first output where it has none.
  static func label(_ node: Node) -> String {
    if let name = node.name, !name.isEmpty { return name }
    return node.outputs.first { !$0.isEmpty } ?? node.operatorType
  }

  /// The node of that name, or the first that suits.
  /// - Parameter kind: what suits, for the error: `convolution`
  /// - Throws: `Failure`, with the nodes that suit
  func node(
    _ name: String?, _ kind: String, where suits: (Node) -> Bool
  ) throws(Failure) -> Node {
    let candidates = model.graph.nodes.filter(suits)
    guard let first = candidates.first else { throw Failure("\(path): the model has no \(kind)") }
    guard let name else { return first }
    if let node = candidates.first(where: { $0.name == name || $0.outputs.contains(name) }) {
      return node
    }
    let list = candidates.prefix(12).map { "'\(Self.label($0))'" }.joined(separator: ", ")
    throw Failure(
      "\(path): no \(kind) '\(name)', there \(candidates.count == 1 ? "is" : "are") \(list)"
        + (candidates.count > 12 ? ", …" : ""))
  }

  /// Reads and makes the inputs of a run: files, the prompt's tokens, states of zeros.
  /// - Throws: `Failure`
  /// - Returns: the pictures among them
  mutating func read(_ arguments: ExplainInputArguments) throws(Failure) -> [Image] {
    let session = try session(model)
    var inputs = try RunInputs(session, requestedShapes: arguments.form.shape)
    try inputs.read(arguments.input, arguments.form.normalization)
    if let prompt = arguments.prompt { try give(prompt, to: &inputs, session) }
    let outputs = Set(session.outputs.map(\.name))
    for state in session.inputs
    where outputs.contains(state.name + "_out") && inputs.values[state.name] == nil {
      guard let type = state.type?.tensorType, let shape = type.shape else { continue }
      try inputs.give(
        state.name, Self.zeros(type.elementType, shape.map { $0.size ?? 1 }, session))
    }
    try inputs.fillMissing(seed: seed, memoryLimit: session.memoryLimit)
    inputs.printFilled(seed: seed)
    values = inputs.values
    return inputs.pictures
  }

  private static func zeros(
    _ type: ElementType, _ shape: [Int], _ session: Session
  ) throws(Failure) -> Tensor {
    guard let count = shape.elementCount, count <= session.memoryLimit / 8 else {
      throw Failure("no memory for a state \(Shape(shape))")
    }
    do {
      let tensor = try Tensor(uninitialized: type, shape: shape)
      if type != .string {
        tensor.storage.pointer.initializeMemory(
          as: UInt8.self, repeating: 0, count: tensor.storage.byteCount)
      }
      return tensor
    } catch { throw Failure("\(error)") }
  }

  /// Gives the prompt's tokens to the input of integers `[N, T]`, and their number to one `[N]`.
  private mutating func give(
    _ prompt: String, to inputs: inout RunInputs, _ session: Session
  ) throws(Failure) {
    func isInteger(_ info: ValueInfo, rank: Int) -> Bool {
      guard let type = info.type?.tensorType else { return false }
      return [.int64, .int32].contains(type.elementType) && type.shape?.rank == rank
    }
    guard let json = model.metadataValue(Vocabulary.metadataKey) else {
      throw Failure("\(path): the model has no metadata 'vocabulary' to read a prompt with")
    }
    guard let input = session.inputs.first(where: { isInteger($0, rank: 2) }) else {
      throw Failure("\(path): the model has no input of tokens, integers [N,T], for a prompt")
    }
    do {
      let vocabulary = try Vocabulary(json: json)
      let numbers = try vocabulary.numbers(of: prompt)
      guard !numbers.isEmpty else { throw Failure("the prompt is empty") }
      tokens = numbers.map { vocabulary.tokens[Int($0)] }
      try inputs.give(input.name, Self.integers(numbers, [1, numbers.count], like: input))
      if let lengths = session.inputs.first(where: { isInteger($0, rank: 1) }) {
        try inputs.give(
          lengths.name, Self.integers([Int32(clamping: numbers.count)], [1], like: lengths))
      }
    } catch { throw Failure("--prompt", error) }
  }

  private static func integers(_ numbers: [Int32], _ shape: [Int], like info: ValueInfo) -> Tensor {
    info.type?.tensorType?.elementType == .int32
      ? Tensor(shape: shape, numbers) : Tensor(shape: shape, numbers.map { Int64($0) })
  }

  private func session(_ model: Model) throws(Failure) -> Session {
    do { return try Session(model, options: options) } catch { throw Failure(path, error) }
  }

  /// The tensors of these names in a run: inputs, initializers, or what nodes give.
  /// - Throws: `Failure` where the run fails, or a value is no tensor.
  func tensors(_ names: [String]) throws(Failure) -> [String: Tensor] {
    var found: [String: Tensor] = [:]
    var computed: [String] = []
    for name in Set(names) where !name.isEmpty {
      if let value = values[name] {
        found[name] = value.tensor
      } else if let constant = model.graph.initializers.first(where: { $0.name == name }) {
        found[name] = constant.tensor
      } else {
        computed.append(name)
      }
    }
    if !computed.isEmpty {
      var copy = model
      copy.graph.outputs = computed.sorted().map { ValueInfo($0, nil) }
      found.merge(try run(copy, values)) { first, _ in first }
    }
    for name in names where !name.isEmpty && found[name] == nil {
      throw Failure("\(path): '\(name)' is no tensor")
    }
    return found
  }

  /// The same model in which the node's first output has a name, and that node.
  func withOutput(of node: Node) -> (ExplainedModel, Node) {
    guard node.outputs.first?.isEmpty ?? true,
      let index = model.graph.nodes.firstIndex(where: {
        $0.inputs == node.inputs && $0.outputs == node.outputs
      })
    else { return (self, node) }
    var copy = self
    let name = "\(Self.label(node))_explained_output"
    copy.model.graph.nodes[index].outputs = [name] + node.outputs.dropFirst()
    return (copy, copy.model.graph.nodes[index])
  }

  private func run(
    _ model: Model, _ values: [String: Value]
  ) throws(Failure) -> [String: Tensor] {
    let session = try session(model)
    do { return try session.run(values: values).compactMapValues(\.tensor) } catch {
      throw Failure(path, error)
    }
  }

  /// The first output that is no state, or what goes into the softmax that makes it: scores.
  func scores() throws(Failure) -> String {
    let inputs = Set(model.graph.inputs.map { $0.name + "_out" })
    guard var name = model.graph.outputs.first(where: { !inputs.contains($0.name) })?.name else {
      throw Failure("\(path): the model has no output that is no state")
    }
    if let maker = model.graph.nodes.first(where: { $0.outputs.contains(name) }),
      ["Softmax", "LogSoftmax"].contains(maker.operatorType), let input = maker.inputs.first
    {
      name = input
    }
    return name
  }

  /// A function that gives the gradients of `Σ weights · y` by `x`, for weights in `y`'s shape.
  /// - Throws: `Failure` for a node on the way that has no gradient, and where `y` does not follow
  ///   from `x`.
  func gradient(
    of y: String, by x: String
  ) throws(Failure) -> (_ weights: Tensor) throws(Failure) -> Tensor {
    let weights = "\(y)_explained_weights"
    let product = "\(y)_explained_product"
    let sum = "\(y)_explained_sum"
    var model = model
    let type = try tensors([y])[y]?.type ?? TensorType(.float32, nil)
    model.graph.inputs.append(ValueInfo(weights, .tensor(type)))
    var multiply = Node("Mul", inputs: [y, weights], outputs: [product])
    multiply.operatorSetVersion = 14
    var reduce = Node(
      "ReduceSum", inputs: [product], outputs: [sum], attributes: [.int("keepdims", 0)])
    reduce.operatorSetVersion = 13
    model.graph.nodes += [multiply, reduce]
    let gradient: String
    do {
      var types = values.mapValues(\.type)
      types[weights] = .tensor(type)
      var differentiation = try Differentiation(model, inputTypes: types, options: options)
      let names = try differentiation.gradients(of: sum, by: [x])
      guard let name = names[x] else {
        throw Failure("'\(y)' does not depend on '\(x)'")
      }
      gradient = name
      model.graph = differentiation.graph
      model.functions = []
      model.graph.outputs = [ValueInfo(name, nil)]
    } catch { throw Failure(path, error) }
    let session = try session(model)
    let (path, values) = (path, values)
    return { (tensor) throws(Failure) in
      var given = values
      given[weights] = .tensor(tensor)
      do {
        guard let result = try session.run(values: given)[gradient]?.tensor else {
          throw Failure("the gradient is no tensor")
        }
        return result
      } catch { throw Failure(path, error) }
    }
  }
}

extension Tensor {
  /// The elements as float32.
  /// - Throws: `Failure` for other than floating point
  func floats(_ name: String) throws(Failure) -> [Float] {
    switch elementType {
    case .float32: Array(elements(as: Float.self))
    case .float64: elements(as: Double.self).map { Float($0) }
    case .float16: elements(as: Float16.self).map { Float($0) }
    default: throw Failure("expected '\(name)' to hold floating point, found \(self)")
    }
  }

  /// A tensor of this type and shape that is 0 but for a 1 at one place.
  func unit(at index: Int) throws(Failure) -> Tensor {
    func make<T: BinaryFloatingPoint & Element>(_: T.Type) throws -> Tensor {
      try Tensor(T.self, shape: shape) { target in
        target.update(repeating: 0)
        target[index] = 1
      }
    }
    do {
      switch elementType {
      case .float32: return try make(Float.self)
      case .float64: return try make(Double.self)
      case .float16: return try make(Float16.self)
      default: throw Failure("expected scores of floating point, found \(self)")
      }
    } catch { throw Failure("\(error)") }
  }
}
