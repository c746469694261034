import ONNXFormat
import ONNXOperators
import Synchronization

/// A model ready to run. Any number of threads may use it at once.
public final class Session: Sendable {
  /// The inputs that every run must be given: those of the graph that are not initializers.
  public let inputs: [ValueInfo]
  /// The outputs of a run.
  public let outputs: [ValueInfo]
  /// Inputs with a value in the model, which a run may replace.
  public let optionalInputs: [ValueInfo]
  /// The entries of the model's metadata.
  public let metadata: [MetadataEntry]
  /// The effect of each pass over the model, in the order they ran.
  public let passReports: [PassReport]
  /// Bytes that weights, values and outputs may take.
  public var memoryLimit: Int { engine.memoryLimit }
  let program: Program
  let engine: Engine
  /// Makes the program in which these initializers are inputs.
  private let rebuild: (@Sendable (Set<String>) throws(ModelError) -> Program)?
  private let variants = Mutex(Variants())

  /// Programs by the initializers that are inputs, the oldest dropped first.
  private struct Variants {
    var programs: [Set<String>: Program] = [:]
    var order: [Set<String>] = []
  }

  /// How many programs for replaced initializers the session keeps.
  package var variantCount: Int { variants.withLock(\.order.count) }

  /// Reads a model and makes it ready to run. The session owns the model: see
  /// `init(owning:options:)`.
  /// - Throws: `ModelError.file` from reading, other cases of `ModelError` from checking.
  public convenience init(
    contentsOf path: String, options: SessionOptions = SessionOptions()
  ) throws(ModelError) {
    var options = options
    options.reading.threads = options.threads ?? ThreadPool.available
    let deadline = options.timeLimit.map { ContinuousClock.now + $0 }
    options.loadDeadline = deadline
    let model = try Self.model(path, options, until: deadline)
    try self.init(owning: consume model, options: options)
  }

  private static func model(
    _ path: String, _ options: SessionOptions, until deadline: ContinuousClock.Instant?
  ) throws(ModelError) -> Model {
    @Sendable func read() throws(ModelError) -> Model {
      do { return try Model(contentsOf: path, options: options.reading) } catch {
        throw .file(error)
      }
    }
    guard let deadline, let limit = options.timeLimit else { return try read() }
    let result: Result<Model, ModelError>? = Deadline.run(until: deadline) {
      Result { () throws(ModelError) in try read() }
    }
    guard let result else { throw .deadline(limit: limit) }
    return try result.get()
  }

  /// Checks and optimises the model. Memory for values is planned once the inputs' shapes are known.
  /// - Throws: `ModelError` for anything in the model that no input could make right.
  public convenience init(
    _ model: Model, options: SessionOptions = SessionOptions()
  ) throws(ModelError) {
    try self.init(model, ownership: nil, options: options)
  }

  /// Checks and optimises a model that the caller gives away: `Session(owning: consume model)`.
  ///
  /// Where the inputs' shapes are fixed, the session gives the memory of weights back to the system as
  /// soon as its kernels have them in another form. It does so only for weights that nobody else
  /// holds: a copy of the model, or of one of its tensors, stays as it is.
  /// - Throws: `ModelError` for anything in the model that no input could make right.
  public convenience init(
    owning model: consuming Model, options: SessionOptions = SessionOptions()
  ) throws(ModelError) {
    let ownership = Ownership(of: &model)
    try self.init(model, ownership: ownership, options: options)
  }

  private init(
    _ model: Model, ownership: Ownership?, options: SessionOptions
  ) throws(ModelError) {
    let engine = Engine(options)
    self.engine = engine
    let initializers = Set(model.graph.initializers.compactMap(\.name))
      .union(model.graph.sparseInitializers.compactMap(\.values.name))
    let replaceable = model.graph.inputs.filter { initializers.contains($0.name) }
    self.inputs = model.graph.inputs.filter { !initializers.contains($0.name) }
    self.outputs = model.graph.outputs
    self.metadata = model.metadata
    let isFinal = !options.allowsReplacedInitializers || replaceable.isEmpty
    self.optionalInputs = isFinal ? [] : replaceable
    let given = model
    let prepared = try engine.limited(until: options.loadDeadline) { () throws(ModelError) in
      try PreparedModel(
        given, initializers, ownership: isFinal ? ownership : nil, isFinal: isFinal, engine)
    }
    program = prepared.program
    passReports = prepared.reports
    rebuild = prepared.rebuild
  }

  /// Runs the model on tensors, by input name.
  /// - Returns: the outputs that are tensors, by name.
  /// - Throws: `ModelError` for a missing or unknown name, a value of another type than the input's,
  ///   and any error of a node.
  public func run(_ inputs: [String: Tensor]) throws(ModelError) -> [String: Tensor] {
    try run(values: inputs.mapValues(Value.tensor)).compactMapValues(\.tensor)
  }

  /// Runs the model on values of any kind, by input name.
  /// - Parameter profile: records the time of each node
  /// - Returns: the outputs by name.
  /// - Throws: `ModelError`, as `run(_:)` does.
  public func run(
    values: [String: Value], profile: Profile? = nil
  ) throws(ModelError) -> [String: Value] {
    try run(values: values, profile: profile, until: nil)
  }

  /// Runs the model on values of any kind, by input name.
  /// - Parameter deadline: the end of the time limit; `nil` counts it from now on
  /// - Throws: `ModelError`, as `run(_:)` does.
  package func run(
    values: [String: Value], profile: Profile?, until deadline: ContinuousClock.Instant?
  ) throws(ModelError) -> [String: Value] {
    try engine.limited(until: deadline) { [self] () throws(ModelError) in
      try compute(values, profile: profile, limit: nil, deadline: deadline)
    }
  }

  /// Runs the model on this thread.
  func compute(
    _ values: [String: Value], profile: Profile?, limit: Duration?,
    deadline: ContinuousClock.Instant?
  ) throws(ModelError) -> [String: Value] {
    let start = ContinuousClock.now
    let (program, arguments) = try match(values)
    let plan = try program.plans.plan(for: program, inputs: arguments, engine: engine)
    profile?.recordPlanning(from: start)
    let results = try plan.run(
      arguments, Run(engine, profile: profile, limit: limit, deadline: deadline))
    return Dictionary(zip(outputs.map(\.name), results)) { first, _ in first }
  }

  /// Binds the session to inputs of these shapes, for many runs in memory of their own.
  /// - Parameters:
  ///   - inputs: the inputs' first contents, by name
  ///   - outputs: names of the outputs to keep; `nil` for all
  /// - Throws: `ModelError` for a missing or unknown name, a tensor that does not fit its input, and
  ///   a plan that needs more memory than the limit.
  public func bind(
    inputs: [String: Tensor], outputs: [String]? = nil
  ) throws(ModelError) -> BoundSession {
    let names = self.outputs.map(\.name)
    try check(outputs ?? [], among: names)
    let (program, arguments, plan) = try engine.limited { [self] () throws(ModelError) in
      let (program, arguments) = try match(inputs.mapValues(Value.tensor))
      let plan = try program.plans.plan(
        for: program, inputs: arguments, engine: engine)
      return (program, arguments, plan)
    }
    return try BoundSession(
      plan, inputNames: program.inputs.map { program.names[Int($0)] }, arguments,
      outputNames: names, kept: Set(outputs ?? names))
  }

  /// The types of all values by name, as far as they follow from these input shapes.
  /// - Parameter shapes: shapes by input name; inputs left out have their declared type
  /// - Throws: `ModelError.unknownName`; `.node` for shapes that do not fit a node.
  public func types(
    shapes: [String: [Int]] = [:]
  ) throws(ModelError) -> [String: ValueType] {
    try check(shapes.keys.sorted(), among: (inputs + optionalInputs).map(\.name))
    let inference = try Inference(
      program, inputs: inputTypes(shapes: shapes), engine: engine, lenient: false)
    return inference.types(of: program)
  }

  /// The types of the program's inputs where some have these shapes.
  func inputTypes(shapes: [String: [Int]]) -> [ValueType?] {
    zip(program.inputs, program.inputTypes).map { number, type in
      guard let sizes = shapes[program.names[Int(number)]], let tensor = type?.tensorType else {
        return type
      }
      return .tensor(tensor.elementType, sizes)
    }
  }

  /// The program for inputs of these names, and its arguments in order.
  func match(
    _ values: [String: Value]
  ) throws(ModelError) -> (program: Program, arguments: [Value]) {
    let overridden = Set(optionalInputs.map(\.name).filter { values[$0] != nil })
    let program = overridden.isEmpty ? self.program : try variant(overridden)
    var arguments: [Value] = []
    for (number, type) in zip(program.inputs, program.inputTypes) {
      let name = program.names[Int(number)]
      guard let value = values[name] else {
        try checkNames(values)
        throw .missingInput(name)
      }
      if let type, let problem = mismatch(value.type, expected: type) {
        throw .input(name, problem)
      }
      arguments.append(value)
    }
    if arguments.count != values.count { try checkNames(values) }
    return (program, arguments)
  }

  /// Checks that inputs have these names.
  private func checkNames(_ values: [String: Value]) throws(ModelError) {
    try check(values.keys.sorted(), among: (inputs + optionalInputs).map(\.name))
  }

  private func variant(_ overridden: Set<String>) throws(ModelError) -> Program {
    if let program = variants.withLock({ $0.programs[overridden] }) { return program }
    guard let rebuild else { return program }
    let program = try rebuild(overridden)
    variants.withLock { variants in
      if variants.programs.updateValue(program, forKey: overridden) == nil {
        variants.order.append(overridden)
      }
      if variants.order.count > max(1, engine.options.maxPlans) {
        variants.programs[variants.order.removeFirst()] = nil
      }
    }
    return program
  }
}

/// Checks that names are among those that the model has.
/// - Throws: `ModelError.unknownName` for the first that is not
func check(_ names: [String], among known: [String]) throws(ModelError) {
  let all = Set(known)
  for name in names where !all.contains(name) {
    throw .unknownName(name, nearest: nearest(name, known))
  }
}

/// The reason why a value of type `actual` does not fit an input of type `expected`; `nil` where it
/// does.
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
