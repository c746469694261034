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

  @Flag(
    help: ArgumentHelp(
      "No convolution by Winograd's algorithm, which is faster and off by 1e-5 or so of the "
        + "largest result.")
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
  }

  /// The options as a session takes them.
  public var options: SessionOptions {
    var options = SessionOptions()
    options.threads = threads
    options.memoryLimit = maxMemory
    options.seed = seed
    if exact { options.convolution = .exact }
    return options
  }
}

/// Reads a model and makes it ready to run.
/// - Throws: `Failure`, with the model's path
public func openSession(_ path: String, _ options: SessionOptions) throws(Failure) -> Session {
  let model = try readModel(path)
  return try showing("checking \(path.escaped)") { () throws(Failure) in
    do { return try Session(model, options: options) } catch { throw Failure(path, error) }
  }
}

/// Reads a model.
/// - Throws: `Failure`, with the model's path
public func readModel(_ path: String) throws(Failure) -> Model {
  try showing("reading \(path.escaped)") { () throws(Failure) in
    do { return try Model(contentsOf: path) } catch { throw Failure("\(error)") }
  }
}
