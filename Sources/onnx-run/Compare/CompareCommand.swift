import ArgumentParser
import ONNXFormat
import ONNXInterpreter
import ToolSupport

/// The subcommand `compare`: compares the values inside a model with those of another one.
struct CompareCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare",
    abstract: "Compares the inner values of two models, or with recorded ones.",
    discussion: """
      B is a model, or values recorded for A: a .npz file, or a folder with NAME.npy, .npz or \
      output_I.pb files as 'run --output-dir' writes them; files of inputs there are given to A. \
      With --peer, onnxruntime takes the place of B.

      Both get the same inputs, from --input or drawn by --seed. Values are matched by name, else by \
      structure: the same operator on matched values, where quantize, dequantize, cast and identity \
      nodes do not count. The differences are those of B from A, or of A from recorded values and from \
      onnxruntime: the largest, the mean, and the largest relative to the largest expected number, \
      which is also what --atol is in units of. With --bisect the table shows the nodes at which the \
      error (the root mean square, relative to that of the expected values) grows most.

      The exit code is 1 if a value differs by more than the tolerance.

      EXAMPLES:
        onnx-run compare model.onnx optimized.onnx --input x.npy
        onnx-run compare float.onnx int8.onnx --bisect --rtol 0.1 --atol 0.05
        onnx-run compare model.onnx recorded/
        onnx-run compare model.onnx --peer onnxruntime --python venv/bin/python
        onnx-run compare a.onnx b.onnx --output 'layer4*' --json
      """)

  @Argument(help: "The ONNX file; - stands for standard input.", completion: .file())
  var model: String

  @Argument(
    help: ArgumentHelp("Another ONNX file, or a folder or .npz file of values.", valueName: "b"),
    completion: .file())
  var other: String?

  @Option(parsing: .unconditional, help: "Another runtime to compare with.")
  var peer: Peer?

  @Option(
    parsing: .unconditional,
    help: "The Python that has the other runtime. (default: python3)")
  var python: String?

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp("A file for an input, as for 'run'.", valueName: "[name=]file"),
    completion: .file())
  var input: [String] = []

  @OptionGroup var form: InputFormArguments

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "Compare only these values of A; * stands for any characters.", valueName: "name"))
  var output: [String] = []

  @Option(
    parsing: .unconditional, help: "The allowed difference, relative to the expected element.")
  var rtol = 1e-3

  @Option(
    parsing: .unconditional,
    help: "The allowed difference in units of the value's largest expected element.")
  var atol = 1e-5

  @Flag(help: "Show the nodes at which the error grows most.")
  var bisect = false

  @Flag(help: "Show every value, not only the first and those that differ.")
  var all = false

  @Flag(help: "Print one JSON object instead.")
  var json = false

  @OptionGroup var arguments: SessionArguments

  func validate() throws {
    guard rtol >= 0, atol >= 0 else {
      throw ValidationError("expected --rtol and --atol of at least 0, got \(rtol) and \(atol)")
    }
    guard (other == nil) != (peer == nil) else {
      throw ValidationError(
        peer == nil
          ? "expected a second model or values, or --peer" : "B and --peer exclude each other")
    }
    if python != nil, peer == nil { throw ValidationError("--python belongs to --peer") }
  }

  func perform() throws -> ExitStatus {
    let first = try ExposedModel(model, arguments, inputs: input, patterns: output)
    var inputs = try RunInputs(first.session, requestedShapes: form.shape)
    try inputs.read(input, form.form)
    let limit = first.session.memoryLimit
    var recorded: RecordedValues?
    if let other, isFolder(other) || other.hasSuffix(".npz") {
      let values = try RecordedValues(other, first, memoryLimit: limit)
      for (name, value) in values.inputs where inputs.values[name] == nil {
        try inputs.give(name, value)
      }
      recorded = values
    }
    try inputs.fillMissing(seed: arguments.seed, memoryLimit: limit)
    let own = try run(first, inputs.values, note: inputs.fillingNote)
    let report: ComparisonReport
    let tolerance = Tolerance(relative: rtol, absolute: atol, isOfLargest: true)
    if let recorded {
      report = ComparisonReport(
        first.graph, expected: recorded.values, actual: own, partners: nil, tolerance)
    } else if let peer {
      let values = try showing("running \(peer.rawValue)") { () throws(Failure) in
        try peer.values(
          of: first, inputs.values, python: python ?? "python3", threads: arguments.threads,
          timeLimit: arguments.options.timeLimit)
      }
      report = ComparisonReport(
        first.graph, expected: values, actual: own, partners: nil, tolerance)
    } else if let other {
      let second = try ExposedModel(other, arguments, inputs: [], patterns: [])
      let given = try second.inputs(from: inputs.values, of: first)
      let values = try run(second, given, note: "")
      let matching = ValueMatching(first, second, expected: own, actual: values)
      report = ComparisonReport(
        first.graph, expected: own, actual: matching.values, partners: matching, tolerance)
    } else {
      return .stopped
    }
    guard !report.rows.isEmpty else {
      throw Failure(
        "\(model): no value of \(other ?? "the other runtime") matches one of the model")
    }
    if json {
      print(report.json(model, other ?? peer?.rawValue ?? "", bisect: bisect))
    } else {
      inputs.printFilled(seed: arguments.seed)
      let lines = report.lines(
        bisect: bisect, all: all, columns: Terminal.standardOutput.lineLength)
      lines.forEach { print($0) }
    }
    return report.isWithin ? .fine : .differs
  }

  private func run(
    _ model: ExposedModel, _ inputs: [String: Value], note: String
  ) throws(Failure) -> [String: Value] {
    do {
      return try showing("running \(model.path.escaped)") { try model.session.run(values: inputs) }
    } catch { throw Failure("\(model.path): \(error)\(note)") }
  }
}
