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
      best classes.

      EXAMPLES:
        onnx-run models/lenet5.onnx --input image=models/digits/7.png --top 3
        onnx-run model.onnx --input x.npy --expect y=y.npy --rtol 1e-4
        onnx-run model.onnx --input photo.jpg --shape image=1x3x224x224 \\
          --mean 0.485,0.456,0.406 --scale 4.367,4.464,4.444 --labels classes.txt
        onnx-run model.onnx --input audio=hello.wav --sample-rate 16000
        onnx-run model.onnx --shape tokens=1x100 --output-dir out --output-format npz
      """)

  @Argument(help: "The ONNX file; - stands for standard input.")
  var model: String

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "A file for an input; without NAME= for the next input. Other inputs are filled: with random "
        + "numbers if they are floating point, else with zeros.",
      valueName: "[name=]file"))
  var input: [String] = []

  @OptionGroup var form: InputFormArguments

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("The folder to write the outputs to.", valueName: "folder"))
  var outputDir: String?

  @Option(
    parsing: .unconditional,
    help: "The format of written outputs: npy (NAME.npy), npz (outputs.npz) or pb (output_I.pb).")
  var outputFormat = OutputFormat.npy

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "The expected value of an output. Exit code 1 if it differs.", valueName: "[name=]file"))
  var expect: [String] = []

  @Option(
    parsing: .unconditional, help: "The allowed difference, relative to the expected value.")
  var rtol = 1e-3

  @Option(
    parsing: .unconditional, help: "The allowed absolute difference, added to the relative one.")
  var atol = 1e-5

  @Flag(help: "Print the elements of the outputs.")
  var values = false

  @Flag(help: "Print the time of each node and operator.")
  var profile = false

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "The number of runs before the measured one, to warm up.", valueName: "runs"))
  var warmup = 0

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Write a trace of the run for chrome://tracing.", valueName: "file"))
  var trace: String?

  @Option(parsing: .unconditional, help: "The number of best classes to print.")
  var top = 5

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "A file with the names of the classes, one per line. (default: the model's metadata 'classes')",
      valueName: "file"))
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

    let session = try openSession(model, arguments, inputs: input)
    var inputs = try RunInputs(session, requestedShapes: self.form.shape)
    try inputs.read(input, form)
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

    inputs.printFilled(seed: arguments.seed)
    let results = session.outputs.compactMap { info in
      outputs[info.name].map { (name: info.name, value: $0) }
    }
    for picture in inputs.pictures where draw || Terminal.standardError.isInteractive {
      drawing(picture, on: .standardError).forEach(printError)
    }
    for result in results {
      print(summary(of: result.value, name: result.name))
      if values, let tensor = result.value.tensor { print(tensor.elementText) }
    }
    let scores = Set(session.results.map(\.name))
    printTop(
      results.filter { scores.contains($0.name) },
      labels ?? ClassNames.stated(in: session.metadata))
    printError(
      "time \(formatted((end - began).milliseconds, "%.3f")) ms"
        + " (load \(formatted((loaded - start).milliseconds, "%.3f")) ms)")

    warnAboutSlowBLAS()
    arguments.noteMissingPrecision()

    if let outputDir { try writeOutputs(results, to: outputDir, outputFormat) }
    if let profile {
      if self.profile { profileTable(profile.events).forEach { print($0) } }
      if let trace { try writeText(profile.chromeTrace, to: trace) }
    }
    return expectations.check(outputs, Tolerance(relative: rtol, absolute: atol))
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
