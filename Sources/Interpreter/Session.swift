import ONNXFormat
import ONNXOperators
import ONNXOps
import Synchronization

/// A model ready to run. Any number of threads may use it at once.
public final class Session: Sendable {
  /// The inputs a run must be given: those of the graph that are not initializers.
  public let inputs: [ValueInfo]
  /// What a run gives.
  public let outputs: [ValueInfo]
  /// Inputs with a value in the model, which a run may replace.
  public let optionalInputs: [ValueInfo]
  /// Bytes that weights, values and outputs may take.
  public var memoryLimit: Int { engine.memoryLimit }
  private let program: Program
  let engine: Engine
  /// Makes the program in which these initializers are inputs.
  private let rebuild: (@Sendable (Set<String>) throws(ModelError) -> Program)?
  private let variants = Mutex<[Set<String>: Program]>([:])

  /// Reads a model and makes it ready to run.
  /// - Throws: `FormatError` from reading, `ModelError` from checking.
  public convenience init(
    contentsOf path: String, options: SessionOptions = SessionOptions()
  ) throws {
    var reading = ReadingOptions()
    reading.threads = options.threads ?? ThreadPool.available
    try self.init(owning: Model(contentsOf: path, options: reading), options: options)
  }

  /// Checks and optimises the model; memory for values is planned when the inputs' shapes are known.
  /// - Throws: `ModelError` for anything in the model that no input could make right.
  public convenience init(
    _ model: Model, options: SessionOptions = SessionOptions()
  ) throws(ModelError) {
    try self.init(model, ownsModel: false, options: options)
  }

  /// A session whose model nobody else uses: contents of weights that its kernels read in another
  /// form are given back to the system, and the caller must not look at the model's tensors again.
  /// - Throws: `ModelError` for anything in the model that no input could make right.
  public convenience init(
    owning model: consuming Model, options: SessionOptions = SessionOptions()
  ) throws(ModelError) {
    try self.init(model, ownsModel: true, options: options)
  }

  private init(_ model: Model, ownsModel: Bool, options: SessionOptions) throws(ModelError) {
    let engine = Engine(options)
    let operatorSets = try OperatorSets(model.operatorSets)
    var graph = try expandFunctions(model, maxNodes: options.maxNodes)
    try expandGradients(&graph, operatorSets: operatorSets, engine: engine)
    let expanded = graph
    let initializers = Set(model.graph.initializers.compactMap(\.name))
      .union(model.graph.sparseInitializers.compactMap(\.values.name))
    let optionalInputs = model.graph.inputs.filter { initializers.contains($0.name) }
    let isFinal = !options.allowsReplacedInitializers || optionalInputs.isEmpty
    // A body of a function may stand in a subgraph too, and share its constants with it.
    let ownsInitializers =
      ownsModel && isFinal && expanded.nodes.allSatisfy { !$0.hasSubgraph }

    @Sendable func build(
      _ overridden: Set<String>, _ passes: Set<Pass>, types: [String: ValueType] = [:]
    ) throws(ModelError) -> Program {
      var graph = expanded
      graph.inputs.removeAll { initializers.contains($0.name) && !overridden.contains($0.name) }
      graph.initializers.removeAll { overridden.contains($0.name ?? "") }
      graph.sparseInitializers.removeAll { overridden.contains($0.values.name ?? "") }
      optimize(
        &graph, passes, types: types, operatorSets: operatorSets, engine: engine,
        ownsInitializers: ownsInitializers)
      return try Program(
        graph, operatorSets: operatorSets, engine: engine, ownsInitializers: ownsInitializers)
    }
    // Checked before any pass could remove what is wrong.
    let checked = try build([], [])
    let inference = try Inference(
      checked, inputs: checked.inputTypes, engine: engine, lenient: false)
    let types = inference.types(of: checked)
    self.engine = engine
    self.program = options.passes.isEmpty ? checked : try build([], options.passes, types: types)
    if isFinal {
      // The closure would keep the graph as it was before the passes.
      self.rebuild = nil
    } else {
      self.rebuild = { overridden throws(ModelError) in
        try build(overridden, options.passes, types: types)
      }
    }
    self.inputs = model.graph.inputs.filter { !initializers.contains($0.name) }
    self.optionalInputs = isFinal ? [] : optionalInputs
    self.outputs = model.graph.outputs
  }

  /// Runs the model on tensors, by input name.
  /// - Returns: the outputs that are tensors, by name.
  /// - Throws: `ModelError` for a missing or unknown name, a value that does not fit, and whatever
  ///   the data brings about in a node.
  public func run(_ inputs: [String: Tensor]) throws(ModelError) -> [String: Tensor] {
    try run(values: inputs.mapValues(Value.tensor)).compactMapValues(\.tensor)
  }

  /// Runs the model on values of any kind, by input name.
  public func run(
    values: [String: Value], profile: Profile? = nil
  ) throws(ModelError) -> [String: Value] {
    let (program, arguments) = try match(values)
    let plan = try program.plans.plan(
      for: program, inputs: arguments.map(\.type), engine: engine)
    let results = try plan.run(arguments, Run(engine, profile: profile))
    return Dictionary(zip(outputs.map(\.name), results)) { first, _ in first }
  }

  /// A session with inputs of these shapes and contents whose memory is its own, for many runs.
  /// - Parameter outputs: names of the outputs to keep; `nil` for all
  public func bind(
    inputs: [String: Tensor], outputs: [String]? = nil
  ) throws(ModelError) -> BoundSession {
    let names = self.outputs.map(\.name)
    let known = Set(names)
    for name in outputs ?? [] where !known.contains(name) {
      throw .unknownName(name, nearest: nearest(name, names))
    }
    let (program, arguments) = try match(inputs.mapValues(Value.tensor))
    let plan = try program.plans.plan(
      for: program, inputs: arguments.map(\.type), engine: engine)
    return try BoundSession(
      plan, inputNames: program.inputs.map { program.names[Int($0)] }, arguments,
      outputNames: names, kept: Set(outputs ?? names))
  }

  /// Types of all values by name, as far as they follow from these input shapes.
  /// - Parameter shapes: by input name; inputs left out have their declared type.
  public func types(
    shapes: [String: [Int]] = [:]
  ) throws(ModelError) -> [String: ValueType] {
    var types: [ValueType?] = []
    for (number, type) in zip(program.inputs, program.inputTypes) {
      if let sizes = shapes[program.names[Int(number)]], let tensor = type?.tensorType {
        types.append(.tensor(tensor.elementType, sizes))
      } else {
        types.append(type)
      }
    }
    let inference = try Inference(program, inputs: types, engine: engine, lenient: false)
    return inference.types(of: program)
  }

  /// The program for these names, and its arguments in order.
  func match(
    _ values: [String: Value]
  ) throws(ModelError) -> (program: Program, arguments: [Value]) {
    let overridden = Set(optionalInputs.map(\.name).filter { values[$0] != nil })
    let program = overridden.isEmpty ? self.program : try variant(overridden)
    var arguments: [Value] = []
    for (number, type) in zip(program.inputs, program.inputTypes) {
      let name = program.names[Int(number)]
      guard let value = values[name] else { throw .missingInput(name) }
      if let type, let problem = mismatch(value.type, expected: type) {
        throw .input(name, problem)
      }
      arguments.append(value)
    }
    if arguments.count != values.count {
      let names = (inputs + optionalInputs).map(\.name)
      let known = Set(names)
      for name in values.keys.sorted() where !known.contains(name) {
        throw .unknownName(name, nearest: nearest(name, names))
      }
    }
    return (program, arguments)
  }

  private func variant(_ overridden: Set<String>) throws(ModelError) -> Program {
    if let program = variants.withLock({ $0[overridden] }) { return program }
    guard let rebuild else { return program }
    let program = try rebuild(overridden)
    variants.withLock { $0[overridden] = program }
    return program
  }
}

/// What is wrong with a value of type `actual` where `expected` is declared, if anything.
private func mismatch(_ actual: ValueType, expected: ValueType) -> String? {
  switch (expected.kind, actual.kind) {
  case (.tensor(let wanted), .tensor(let given)):
    let typeFits = wanted.elementType == given.elementType || wanted.elementType == .undefined
    var shapeFits = true
    if let shape = wanted.shape, let sizes = given.shape?.sizes {
      shapeFits =
        shape.rank == sizes.count
        && zip(shape, sizes).allSatisfy { $0.size == nil || $0.size == $1 }
    }
    return typeFits && shapeFits ? nil : "expected \(wanted), got \(given)"
  case (.sequence, .sequence), (.optional, _), (.map, .map), (.sparseTensor, .sparseTensor),
    (.opaque, _), (.undefined, _):
    return nil
  default: return "expected \(expected), got \(actual)"
  }
}

/// The most similar of `names`, if any is similar.
public func nearest(_ name: String, _ names: [String]) -> String? {
  let best = names.map { (name: $0, distance: editDistance(name, $0)) }
    .min { $0.distance < $1.distance }
  guard let best, best.distance <= max(2, name.count / 2) else {
    return names.count == 1 ? names[0] : nil
  }
  return best.name
}

private func editDistance(_ a: String, _ b: String) -> Int {
  let a = Array(a.utf8.prefix(200))
  let b = Array(b.utf8.prefix(200))
  var row = Array(0...b.count)
  for i in a.indices {
    var diagonal = row[0]
    row[0] = i + 1
    for j in b.indices {
      let above = row[j + 1]
      row[j + 1] = min(above + 1, row[j] + 1, diagonal + (a[i] == b[j] ? 0 : 1))
      diagonal = above
    }
  }
  return row[b.count]
}
