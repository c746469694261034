import ArgumentParser
import ONNX
import ToolSupport

/// Runs cases and compares what comes out with what they expect.
struct TestCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "test",
    abstract: "Runs folders of models with inputs and expected outputs.",
    discussion: """
      A case is a folder, at or below one of those given, that holds model.onnx and
      test_data_set_*/{input,output}_*.pb. A file 'tol' in it holds 'rtol atol' (default 1e-3 1e-7);
      a third word 'max' makes atol relative to the largest expected number.

      EXAMPLES:
        onnx-run test .build/cases/node .build/cases/simple
        onnx-run test .build/cases --json results.json --timeout 120
        onnx-run test .build/cases --convolution winograd4
      """)

  @Argument(help: "Folders to look for cases in.")
  var folders: [String]

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Write an array of {case, passed, seconds, message}.", valueName: "file"))
  var json: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("How long a case may take.", valueName: "seconds"))
  var timeout = 60.0

  @Option(
    help: ArgumentHelp(
      "Run only what has a Conv, and force one algorithm wherever it can compute it.",
      discussion: "Results are judged in units of the largest expected number: by default 1e-5 for "
        + "exact, 5e-5 for winograd2 and winograd4, 1e-4 for winograd6."))
  var convolution: ConvolutionChoice?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "How far off results may be, in units of the largest expected number, instead of what the "
        + "cases say."))
  var tolerance: Double?

  func validate() throws {
    if let tolerance, !(0...1).contains(tolerance) {
      throw ValidationError("--tolerance: expected 0 to 1, got \(tolerance)")
    }
    guard timeout > 0, timeout <= 1e6 else {
      throw ValidationError("--timeout: expected more than 0 seconds, got \(timeout)")
    }
  }

  func perform() throws -> ExitStatus {
    var paths: [String] = []
    for folder in folders {
      var name = Substring(folder)
      while name.count > 1, name.last == "/" { name.removeLast() }
      for found in try findCases(String(name)) where !paths.contains(found.path) {
        if convolution != nil, !found.mayHaveConvolution { continue }
        paths.append(found.path)
      }
    }
    guard !paths.isEmpty else {
      throw Failure("no case in \(folders.joined(separator: ", "))")
    }
    var runner = CaseRunner(
      paths, timeout: .seconds(timeout), convolution: convolution, tolerance: tolerance)
    let results = try runner.run { result in
      if !result.passed { print("FAILED \(result.path): \(result.message)".escaped) }
    }
    if let json {
      let array = JSON.array(
        results.map { result in
          .object([
            "case": .string(result.path), "passed": .bool(result.passed),
            "seconds": .double(result.seconds), "message": .string(result.message),
          ])
        })
      try writeText("\(array)\n", to: json)
    }
    let passed = results.count { $0.passed }
    print("\(passed) passed, \(results.count - passed) failed")
    return passed == results.count ? .fine : .differs
  }
}

/// How a case ended.
struct CaseResult: Sendable {
  let path: String
  let passed: Bool
  let seconds: Double
  /// What is wrong; empty for a case that passed.
  let message: String
}
