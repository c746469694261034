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

      Runners: optimized (default), as any model is run; plain, without passes over the graph, every
      value held against what was inferred of it; saved, written and read again; dynamic, without the
      shapes that the file states. Models that draw random numbers are judged by their distribution,
      or by types and shapes where none can be said.

      EXAMPLES:
        onnx-run test .build/cases/node .build/cases/simple
        onnx-run test .build/cases --json results.json --timeout 120
        onnx-run test .build/cases --runner all
        onnx-run test .build/cases --convolution winograd4
        onnx-run test .build/cases/node --mutate 100 --seed 7
      """)

  @Argument(help: "Folders to look for cases in.")
  var folders: [String]

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Write an array of {case, runner, passed, judged, seconds, message}.", valueName: "file"))
  var json: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Write a table of all operators and how many cases with them pass.", valueName: "file"))
  var operators: String?

  @Option(
    help: ArgumentHelp(
      "plain, optimized, saved, dynamic or all; may be given more than once.",
      valueName: "runner"),
    transform: { try CaseVariant.parse($0) })
  var runner: [[CaseVariant]] = []

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Change something in each case at random, so many times, and require a result or an error "
        + "of one line, soon and in little memory.", valueName: "count"))
  var mutate: Int?

  @Option(parsing: .unconditional, help: "Where the changes start.")
  var seed: UInt64 = 0

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
    if let mutate, !(1...1_000_000).contains(mutate) {
      throw ValidationError("--mutate: expected 1 to 1000000, got \(mutate)")
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
    if let mutate {
      return try MutationRunner(paths, count: mutate, seed: seed).run() ? .fine : .differs
    }
    let asked = Set(runner.joined())
    let variants = asked.isEmpty ? [.optimized] : CaseVariant.allCases.filter(asked.contains)
    let cases = CaseRunner(
      paths, variants, timeout: .seconds(timeout), convolution: convolution, tolerance: tolerance)
    let results = try cases.run { result in
      let name = variants.count > 1 ? "\(result.path) (\(result.variant))" : result.path
      switch result.judgement {
      case .values: break
      case .distribution, .shape:
        print("judged by \(result.judgement?.rawValue ?? "") \(name)".escaped)
      case nil: print("FAILED \(name): \(result.message)".escaped)
      }
    }
    if let json { try writeText("\(JSON.array(results.map(\.json)))\n", to: json) }
    if let operators {
      let table = try OperatorTable(results)
      try writeText(table.lines.map { $0 + "\n" }.joined(), to: operators)
    }
    for variant in variants {
      let summary = summary(results.filter { $0.variant == variant })
      print(variants.count > 1 ? "\(variant): \(summary)" : summary)
    }
    return results.allSatisfy(\.passed) ? .fine : .differs
  }

  private func summary(_ results: [CaseResult]) -> String {
    func count(_ judgement: CaseJudgement?) -> Int { results.count { $0.judgement == judgement } }
    var parts = ["\(count(.values)) passed"]
    for judgement in [CaseJudgement.distribution, .shape] where count(judgement) > 0 {
      parts.append("\(count(judgement)) judged by \(judgement)")
    }
    return (parts + ["\(count(nil)) failed"]).joined(separator: ", ")
  }
}

extension CaseResult {
  fileprivate var json: JSON {
    .object([
      "case": .string(path), "runner": .string(variant.rawValue), "passed": .bool(passed),
      "judged": judgement.map { .string($0.rawValue) } ?? .null, "seconds": .double(seconds),
      "message": .string(message),
    ])
  }
}
