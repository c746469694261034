import ArgumentParser
import ONNXFormat
import ONNXInterpreter
import ONNXOperators
import ToolSupport

/// Measures one model for `bench`, in a process of its own.
struct BenchWorkerCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench-worker", abstract: "Measures a model for 'bench'.", shouldDisplay: false)

  @Argument(help: "The ONNX file.", completion: .file())
  var model: String

  @Option(help: "The start of the process, in nanoseconds of the monotonic clock.")
  var started: Int

  @OptionGroup var measurement: MeasurementArguments
  @OptionGroup var arguments: SessionArguments

  func perform() throws -> ExitStatus {
    let session = try openSession(model, arguments)
    let loaded = Measurement.now
    do { try measure(session, loaded: loaded) } catch let failure as Failure {
      throw failure
    } catch { throw Failure(model, error) }
    return .fine
  }

  private func measure(_ session: Session, loaded: Int) throws {
    var inputs = try RunInputs(session, requestedShapes: measurement.shape)
    try inputs.read(measurement.input, InputForm())
    try inputs.fillMissing(seed: arguments.seed, memoryLimit: session.memoryLimit)
    var tensors: [String: Tensor] = [:]
    for (name, value) in inputs.values {
      guard let tensor = value.tensor else {
        throw Failure("\(model): input '\(name)' is \(value.type); bench supports tensors only")
      }
      tensors[name] = tensor
    }

    let start = Measurement.now
    let bound = try session.bind(inputs: tensors)
    try bound.run()
    let first = Measurement.now

    var samples: [Int] = []
    let leastRuns = 3
    let mostRuns = 1_000_000
    samples.reserveCapacity(min(mostRuns, 100_000))
    let deadline = first + Int(measurement.seconds * 1e9)
    var before = first
    while samples.count < leastRuns || (before < deadline && samples.count < mostRuns) {
      try bound.run()
      let after = Measurement.now
      samples.append(after - before)
      before = after
    }
    print(
      Measurement(
        model: model, threads: arguments.threads ?? ThreadPool.available,
        loadMilliseconds: Double(loaded - started) / 1e6,
        firstMilliseconds: Double(first - start) / 1e6, samples: samples,
        arenaBytes: bound.arenaBytes, peakBytes: peakResidentBytes()
      ).text)
  }
}
