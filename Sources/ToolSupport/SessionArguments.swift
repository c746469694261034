import ArgumentParser
import ONNXDifferentiation
import ONNXFormat
import ONNXInterpreter
import ONNXOperators
import ONNXSupport

/// The options of every command that runs a model.
package struct SessionArguments: ParsableArguments {
  @Option(
    parsing: .unconditional, help: "The number of threads. (default: all CPUs)")
  package var threads: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "The memory limit for weights, values and outputs, as in 500MB or 2GiB. (default: 80 % of the "
        + "free memory)", valueName: "size"), transform: parseBytes)
  package var maxMemory: Int?

  @Option(
    parsing: .unconditional, help: "The seed of random operators and of inputs without a file.")
  package var seed: UInt64 = 0

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "The limit for the loop iterations of a run in total. (default: 100000000)",
      valueName: "count"))
  package var maxTrips: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "The time limit of loading and of each run. (default: none)", valueName: "seconds"))
  package var timeLimit: Double?

  @Flag(
    help: ArgumentHelp(
      "Leave out what is faster and rounds differently: Winograd's algorithm for convolutions, off by "
        + "about 1e-5 of the largest result, the rewriting of several nodes to one, and float32 for float16 "
        + "values between nodes.")
  )
  package var exact = false

  @Flag(
    help: ArgumentHelp(
      "Faster products of two computed matrices. The bits of a sample then depend on its batch."))
  package var noBatchInvariance = false

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "The precision of products and convolutions with constant weights. bf16 rounds their factors "
        + "to bfloat16, which is faster and typically off by 4e-3 of the largest result; it needs "
        + "AVX-512-BF16.", valueName: "f32|bf16"))
  package var precision = Precision.f32

  /// The argument of `--precision`.
  package enum Precision: String, ExpressibleByArgument, CaseIterable, Sendable { case f32, bf16 }

  @OptionGroup package var reading: ReadingArguments

  package init() {}

  package func validate() throws {
    if let threads, !(1...1024).contains(threads) {
      throw ValidationError("--threads: expected 1 to 1024, got \(threads)")
    }
    if let maxMemory, maxMemory < 1 {
      throw ValidationError("--max-memory: expected at least 1 byte, got \(maxMemory)")
    }
    if let maxTrips, maxTrips < 0 {
      throw ValidationError("--max-trips: expected at least 0, got \(maxTrips)")
    }
    if let timeLimit, !(timeLimit > 0 && timeLimit <= 1e9) {
      throw ValidationError(
        "--time-limit: expected more than 0 and at most 1e9 seconds, got \(timeLimit)")
    }
  }

  /// Prints a note on standard error if this CPU does not compute in the given precision.
  package func noteMissingPrecision() {
    if !options.precision.isSupported {
      printError("note: this CPU has no AVX-512-BF16; --precision bf16 computes in float32")
    }
  }

  /// The arguments as options of a session.
  package var options: SessionOptions {
    var options = SessionOptions()
    options.threads = threads
    options.memoryLimit = maxMemory
    options.seed = seed
    if let maxTrips { options.maxTrips = maxTrips }
    options.timeLimit = timeLimit.map { .seconds($0) }
    options.expansions = [.gradients]
    options.isBatchInvariant = !noBatchInvariance
    if precision == .bf16 { options.precision = .bfloat16 }
    if exact {
      options.convolution = .exact
      options.passes.remove(.rewriting)
      options.passes.remove(.widening)
      options.passes.remove(.integers)
    }
    return options
  }
}

/// Reads a model and prepares a session. Reading and preparing together have the time limit of a run.
/// - Parameters:
///   - inputs: the `--input` arguments, `NAME=FILE` or `FILE`
///   - change: changes the model after reading
/// - Throws: `Failure`, with the model's path
package func openSession(
  _ path: String, _ arguments: SessionArguments, inputs: [String] = [],
  changing change: (inout Model) throws(Failure) -> Void = { (_) throws(Failure) in }
) throws(Failure) -> Session {
  let start = ContinuousClock.now
  var options = arguments.options
  var model = Optional(
    try withinTimeLimit(path, options.timeLimit) { () throws(Failure) in
      try readModel(path, arguments.reading, threads: arguments.threads)
    })
  if let limit = options.timeLimit { options.loadDeadline = start + limit }
  options.allowsReplacedInitializers = model.map { mayReplaceInitializers(of: $0, inputs) } ?? true
  return try showing("checking \(path.escaped)") { () throws(Failure) in
    guard var owned = model.take() else { throw Failure("\(path): the model is gone") }
    do { try change(&owned) } catch { throw Failure(path, error) }
    do { return try Session(owning: consume owned, options: options) } catch {
      throw Failure(path, error)
    }
  }
}

/// Calls `body` and returns its result, or throws once the time limit is over.
/// - Throws: `Failure`, with the model's path
package func withinTimeLimit<R: Sendable>(
  _ path: String, _ limit: Duration?, _ body: @escaping @Sendable () throws(Failure) -> R
) throws(Failure) -> R {
  guard let limit else { return try body() }
  let result: Result<R, Failure>? = Deadline.run(until: .now + limit) {
    Result { () throws(Failure) in try body() }
  }
  guard let result else { throw Failure(path, ModelError.deadline(limit: limit)) }
  return try result.get()
}

/// Whether an argument is for an input that is also an initializer, or is an archive that may
/// contain one.
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
