import ArgumentParser
import ONNXFormat
import ONNXInterpreter
import ONNXText
import ToolSupport

/// The file format of outputs.
enum OutputFormat: String, ExpressibleByArgument, CaseIterable {
  case npy, npz, pb
}

/// The subcommand `run`: runs a model once.
struct RunCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Runs a model once and prints a summary of its outputs.",
    discussion: """
      An input file can be .npy, .npz, .pb (TensorProto, SequenceProto, OptionalProto), a picture (PNG, \
      JPEG, BMP, TIFF, WebP, JPEG 2000, PBM, PGM, PPM or PAM) or a sound (.wav). The file's first \
      bytes decide. \
      Prints a line for each output, 'NAME TYPE[SHAPE] min mean max', and for one row of scores the \
      best classes. With --json it prints one object instead: model, outputs (name, type, shape, min, \
      mean, max, nan, infinite, classes, values), filled, expected, load_ms, plan_ms, time_ms, nodes; \
      NaN and infinities are null.

      EXAMPLES:
        onnx-run models/lenet5.onnx --input image=models/digits/7.png --top 3
        onnx-run model.onnx --input x.npy --expect y=y.npy --rtol 1e-4
        onnx-run model.onnx --input photo.jpg --shape image=1x3x224x224 \\
          --mean 0.485,0.456,0.406 --scale 4.367,4.464,4.444 --labels classes.txt
        onnx-run model.onnx --input audio=hello.wav --sample-rate 16000
        onnx-run model.onnx --shape tokens=1x100 --output-dir out
        onnx-run models/char_lstm.onnx --text "To be, or not" --profile
        onnx-run models/lenet5.onnx --output conv1.conv --values --json
      """)

  @Argument(help: "The ONNX file; - stands for standard input.", completion: .file())
  var model: String

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "A file for an input; without NAME= for the next input. Other inputs are filled: with random "
        + "numbers if they are floating point, else with zeros.",
      valueName: "[name=]file"), completion: .file())
  var input: [String] = []

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "A text for an input of tokens, which the model's metadata 'vocabulary' lists.",
      valueName: "[name=]text"))
  var text: [String] = []

  @OptionGroup var form: InputFormArguments

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "Compute these values instead of the outputs: outputs or inner values; * stands for any "
        + "characters.", valueName: "name"))
  var output: [String] = []

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("The folder to write the outputs to.", valueName: "folder"),
    completion: .directory)
  var outputDir: String?

  @Option(
    parsing: .unconditional,
    help: "The format of written outputs: npy (NAME.npy), npz (outputs.npz) or pb (output_I.pb).")
  var outputFormat = OutputFormat.npy

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "The expected value of an output. Exit code 1 if it differs.", valueName: "[name=]file"),
    completion: .file())
  var expect: [String] = []

  @Option(
    parsing: .unconditional, help: "The allowed difference, relative to the expected value.")
  var rtol = 1e-3

  @Option(
    parsing: .unconditional, help: "The allowed absolute difference, added to the relative one.")
  var atol = 1e-5

  @Flag(help: "Print the elements of the outputs.")
  var values = false

  @Flag(help: "Print one JSON object instead of lines.")
  var json = false

  @Flag(
    help: "Print the time of each node, with the nodes of the file that it computes, and operator.")
  var profile = false

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "The number of runs before the measured one, to warm up.", valueName: "runs"))
  var warmup = 0

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Write a trace of the run for chrome://tracing.", valueName: "file"),
    completion: .file())
  var trace: String?

  @Option(parsing: .unconditional, help: "The number of best classes to print.")
  var top = 5

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "A file with the names of the classes, one per line. (default: the model's metadata 'classes')",
      valueName: "file"), completion: .file())
  var labels: String?

  @Flag(help: "Draw input pictures even if standard error is not a terminal.")
  var draw = false

  @OptionGroup var arguments: SessionArguments

  func validate() throws {
    guard rtol >= 0, atol >= 0 else {
      throw ValidationError("expected --rtol and --atol of at least 0, got \(rtol) and \(atol)")
    }
    guard warmup >= 0 else { throw ValidationError("--warmup: expected at least 0, got \(warmup)") }
    guard top >= 0 else { throw ValidationError("--top: expected at least 0, got \(top)") }
  }

  func perform() throws -> ExitStatus {
    let start = ContinuousClock.now
    let form = try self.form.form
    try checkKeepsInputs(
      [trace],
      [model] + possiblePaths(input), unless: nil)
    let labels =
      try self.labels.map {
        try readText($0, limit: min(arguments.maxMemory ?? .max, 16 << 20))
          .split(whereSeparator: \.isNewline).map(String.init)
      }

    var origins: NodeOrigins?
    var ownOutputs: Set<String> = []
    let session = try openSession(model, arguments, inputs: input) { (model) throws(Failure) in
      ownOutputs = Set(model.graph.outputs.map(\.name))
      if self.profile { origins = NodeOrigins(model.graph) }
      if !output.isEmpty { model.graph.expose(try model.graph.values(matching: output)) }
    }
    var inputs = try RunInputs(session, requestedShapes: self.form.shape)
    try inputs.read(input, form)
    try inputs.read(texts: text, session)
    try inputs.fillMissing(seed: arguments.seed, memoryLimit: session.memoryLimit)
    let expectations = try Expectations(expect, session)
    let loaded = ContinuousClock.now

    let profile = self.profile || trace != nil ? Profile() : nil
    let outputs: [String: Value]
    var began = loaded
    do {
      outputs = try showing("running \(model.escaped)") {
        for _ in 0..<warmup { _ = try session.run(values: inputs.values) }
        began = .now
        return try session.run(
          values: inputs.values, profile: profile,
          until: arguments.options.timeLimit.map { (warmup == 0 ? start : began) + $0 })
      }
    } catch {
      throw Failure("\(model): \(error)\(inputs.fillingNote)")
    }
    let end = ContinuousClock.now

    if !json { inputs.printFilled(seed: arguments.seed) }
    let results = session.outputs.compactMap { info in
      outputs[info.name].map { (name: info.name, value: $0) }
    }
    for picture in inputs.pictures where draw || Terminal.standardError.isInteractive {
      drawing(picture, on: .standardError).forEach(printError)
    }
    let times = RunTimes(
      load: loaded - start, run: end - began, planning: profile?.planning,
      profile: profile.map { ProfileTable($0.events, origins: origins) })
    let scores = ownOutputs.intersection(session.results.map(\.name))
    let names = labels ?? ClassNames.stated(in: session.metadata)
    let checks = expectations.compare(outputs, Tolerance(relative: rtol, absolute: atol))
    if json {
      print(
        JSON.object([
          "model": .string(model),
          "outputs": .array(
            results.map {
              outputJSON(
                $0.name, $0.value, labels: names, top: scores.contains($0.name) ? top : 0,
                hasValues: values)
            }),
          "filled": .array(
            inputs.filled.map {
              .object(["name": .string($0.name), "type": .string("\($0.type)")])
            }),
          "expected": .array(
            checks.map { .object(["name": .string($0.name), "difference": $0.comparison.json]) }),
          "load_ms": .double(times.load.milliseconds),
          "plan_ms": times.planning.map { .double($0.milliseconds) } ?? .null,
          "time_ms": .double(times.run.milliseconds),
          "nodes": self.profile ? times.nodesJSON : .null,
        ]))
    } else {
      for result in results {
        print(summary(of: result.value, name: result.name))
        if values, let tensor = result.value.tensor { print(tensor.elementText) }
      }
      printTop(results.filter { scores.contains($0.name) }, names)
      printError(times.line)
    }

    warnAboutSlowBLAS()
    arguments.noteMissingPrecision()

    if let outputDir { try writeOutputs(results, to: outputDir, outputFormat) }
    if let profile {
      if self.profile, !json {
        times.lines(columns: Terminal.standardOutput.lineLength).forEach { print($0) }
      }
      if let trace { try writeText(profile.chromeTrace, to: trace) }
    }
    for (name, comparison) in checks {
      let numbers = comparison.statistics.map { "; \($0.text)" } ?? ""
      let found = comparison.problem ?? "as expected"
      printError("onnx-run: output \(name.quoted): \(found)\(numbers)")
    }
    return checks.allSatisfy { $0.comparison.problem == nil } ? .fine : .differs
  }

  /// Prints the best classes of each output that is one row of scores, under its name if there are
  /// several.
  private func printTop(_ outputs: [(name: String, value: Value)], _ labels: [String]) {
    guard top > 0 else { return }
    let rankings = outputs.compactMap { output in
      output.value.tensor.flatMap { Ranking($0, count: top) }.map { (output.name, $0) }
    }
    for (name, ranking) in rankings {
      if rankings.count > 1 { print("  best classes of \(name.escaped)") }
      ranking.lines(labels: labels, on: .standardOutput).forEach { print($0) }
    }
  }
}
