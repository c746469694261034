import ArgumentParser
import ONNX

/// Options of every tool that runs a model.
public struct SessionArguments: ParsableArguments {
  @Option(
    parsing: .unconditional, help: "Threads to compute with. (default: all CPUs)")
  public var threads: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Memory that weights, values and outputs may take. (default: 80 % of what is free)",
      valueName: "bytes"))
  public var maxMemory: Int?

  @Option(
    parsing: .unconditional, help: "Where random operators and inputs without a file start.")
  public var seed: UInt64 = 0

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Trips that all loops of a run may make. (default: 100000000)", valueName: "trips"))
  public var maxTrips: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Time that a run may take. (default: no limit)", valueName: "seconds"))
  public var timeLimit: Double?

  @Flag(
    help: ArgumentHelp(
      "Leave out what is faster and rounds differently: Winograd's algorithm for convolutions, off by "
        + "about 1e-5 of the largest result, and the rewriting of several nodes to one.")
  )
  public var exact = false

  public init() {}

  public func validate() throws {
    if let threads, !(1...1024).contains(threads) {
      throw ValidationError("--threads: expected 1 to 1024, got \(threads)")
    }
    if let maxMemory, maxMemory < 1 {
      throw ValidationError("--max-memory: expected at least 1, got \(maxMemory)")
    }
    if let maxTrips, maxTrips < 0 {
      throw ValidationError("--max-trips: expected at least 0, got \(maxTrips)")
    }
    if let timeLimit, !(timeLimit > 0 && timeLimit <= 1e9) {
      throw ValidationError("--time-limit: expected more than 0 seconds, got \(timeLimit)")
    }
  }

  /// The options as a session takes them.
  public var options: SessionOptions {
    var options = SessionOptions()
    options.threads = threads
    options.memoryLimit = maxMemory
    options.seed = seed
    if let maxTrips { options.maxTrips = maxTrips }
    options.timeLimit = timeLimit.map { .seconds($0) }
    options.expansions = [.gradients]
    if exact {
      options.convolution = .exact
      options.passes.remove(.rewriting)
    }
    return options
  }
}

/// Reads a model and makes it ready to run.
/// - Parameter inputs: the files that inputs will be read from, as `NAME=FILE` or `FILE`
/// - Throws: `Failure`, with the model's path
public func openSession(
  _ path: String, _ options: SessionOptions, inputs: [String] = []
) throws(Failure) -> Session {
  var model = Optional(try readModel(path, threads: options.threads))
  var options = options
  options.allowsReplacedInitializers = model.map { mayReplaceInitializers(of: $0, inputs) } ?? true
  return try showing("checking \(path.escaped)") { () throws(Failure) in
    guard let owned = model.take() else { throw Failure("\(path): the model is gone") }
    do { return try Session(owning: consume owned, options: options) } catch {
      throw Failure(path, error)
    }
  }
}

/// Whether one of the files is for an input that is an initializer too, or an archive that may hold one.
private func mayReplaceInitializers(of model: Model, _ inputs: [String]) -> Bool {
  let initializers = Set(model.graph.initializers.compactMap(\.name))
    .union(model.graph.sparseInitializers.compactMap(\.values.name))
  let names = model.graph.inputs.map(\.name).filter(initializers.contains)
  guard !names.isEmpty else { return false }
  return inputs.contains {
    let argument = NamedArgument($0, names: names)
    return argument.name != nil || (try? ValueFileKind(ofFile: argument.text)) == .npz
  }
}

/// Reads a model.
/// - Parameter threads: `nil` for as many as this process may use
/// - Throws: `Failure`, with the model's path
public func readModel(_ path: String, threads: Int? = nil) throws(Failure) -> Model {
  var options = ReadingOptions()
  options.threads = threads ?? ThreadPool.available
  return try showing("reading \(path.escaped)") { () throws(Failure) in
    do { return try Model(contentsOf: path, options: options) } catch { throw Failure("\(error)") }
  }
}
