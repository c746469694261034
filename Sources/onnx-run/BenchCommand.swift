import ArgumentParser
import ONNXCases
import ToolSupport

/// The subcommand `bench`: measures the speed and memory of models.
struct BenchCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "Measures the time and memory of models.",
    discussion: """
      Each model runs in a process of its own, on inputs filled as by 'run'. The load time is from the \
      start of the process until the session is ready; the first run includes planning.

      EXAMPLES:
        onnx-run bench models/*.onnx --threads 1
        onnx-run bench resnet50.onnx --shape data=8x3x224x224 --seconds 10 --json
      """)

  @Argument(help: "The ONNX files.", completion: .file())
  var models: [String]

  @OptionGroup var measurement: MeasurementArguments
  @OptionGroup var arguments: SessionArguments

  @Flag(help: "Print a line with a JSON object for each model.")
  var json = false

  func perform() throws -> ExitStatus {
    warnAboutSlowBLAS()
    arguments.noteMissingPrecision()
    var status = ExitStatus.fine
    var table = Table([
      "model": .left, "threads": .right, "load ms": .right, "first ms": .right,
      "median ms": .right, "min ms": .right, "p99 ms": .right, "runs": .right, "arena": .right,
      "peak": .right,
    ])
    var progress = Progress()
    for model in models {
      do {
        let measured = try measure(model, &progress)
        if json { print(measured.json) } else { table.append(measured.cells) }
      } catch {
        printError("onnx-run: \("\(error)".escaped)")
        status = .stopped
      }
    }
    if !json, !table.isEmpty { table.lines.forEach { print($0) } }
    return status
  }

  /// Measures a model in a child process.
  private func measure(
    _ model: String, _ progress: inout Progress
  ) throws(Failure) -> Measurement {
    var options = ["bench-worker", "--seed=\(arguments.seed)"]
    options += ["--seconds=\(measurement.seconds)", "--started=\(Measurement.now)"]
    options += measurement.input.map { "--input=\($0)" }
    options += measurement.shape.map { "--shape=\($0)" }
    options.append("--precision=\(arguments.precision)")
    if let threads = arguments.threads { options.append("--threads=\(threads)") }
    if let memory = arguments.maxMemory { options.append("--max-memory=\(memory)") }
    if let trips = arguments.maxTrips { options.append("--max-trips=\(trips)") }
    if let limit = arguments.timeLimit { options.append("--time-limit=\(limit)") }
    options += arguments.reading.texts
    guard !isStream(model) else {
      throw Failure("\(model): bench reads a model in a process of its own; give a file")
    }
    let worker = try Subprocess(arguments: options + ["--", model], keepsErrors: true)
    var reply: [UInt8] = []
    while true {
      let bytes = worker.receive { progress.update(model) }
      if bytes.isEmpty { break }
      reply += bytes
    }
    progress.clear()
    let end = worker.wait()
    if let measured = Measurement(
      model: model, parsing: String(decoding: reply, as: UTF8.self)), end == nil
    {
      return measured
    }
    let message = worker.lastError ?? "the process ended without a result"
    guard let end, end.hasPrefix("signal") else {
      // The child's line begins with the tool's name, and so will this process's.
      throw Failure(message.hasPrefix("onnx-run: ") ? String(message.dropFirst(10)) : message)
    }
    throw Failure("\(model): the process crashed, \(end): \(message)")
  }
}

/// The inputs and duration of a measurement.
struct MeasurementArguments: ParsableArguments {
  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "A file for an input, as for 'run'. Other inputs are filled.",
      valueName: "[name=]file"), completion: .file())
  var input: [String] = []

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "The shape of an input. Dynamic dimensions default to 1.", valueName: "name=1x3x224x224"))
  var shape: [String] = []

  @Option(parsing: .unconditional, help: "The seconds that each model runs.")
  var seconds = 2.0

  func validate() throws {
    guard seconds > 0, seconds <= 1e6 else {
      throw ValidationError("--seconds: expected more than 0 and at most 1e6, got \(seconds)")
    }
  }
}
