import ArgumentParser
import Glibc
import ONNXCases
import ToolSupport

/// The subcommand `test`: runs test cases and compares their outputs with the expected ones.
struct TestCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "test",
    abstract: "Runs test cases: folders of a model, its inputs and the expected outputs.",
    discussion: """
      A case is a folder with model.onnx and test_data_set_*/{input,output}_*.pb. The command looks \
      for cases in the given folders and all folders below. A case's optional file 'tol' holds the \
      tolerance as 'rtol atol' (default 1e-3 1e-7); a third word 'max' makes atol relative to the \
      largest expected number.

      Runners:
        optimized  with all graph passes, as models are usually run (default)
        plain      without graph passes, and with checks of inferred types
        saved      after writing the model and reading it back
        dynamic    without the shapes that the file declares

      Models that draw random numbers are judged by their distribution, or by types and shapes where \
      the distribution is unknown.

      EXAMPLES:
        onnx-run test .build/cases/node .build/cases/simple
        onnx-run test .build/cases --json results.json --timeout 120
        onnx-run test .build/cases --runner all
        onnx-run test .build/cases --convolution winograd4
        onnx-run test .build/cases/node --mutate 100 --seed 7
      """)

  @Argument(help: "The folders with the cases.", completion: .directory)
  var folders: [String]

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Write the results as a JSON array of {case, runner, passed, judged, seconds, message}.",
      valueName: "file"), completion: .file())
  var json: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Write a Markdown table of all operators and the number of cases with them that pass.",
      valueName: "file"), completion: .file())
  var operators: String?

  @Option(
    help: ArgumentHelp(
      "plain, optimized, saved, dynamic or all; can be repeated.", valueName: "runner"),
    transform: { try Self.variants($0) })
  var runner: [[CaseVariant]] = []

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Run this many random mutations of each case. Each must give a result or an error of one "
        + "line, in little time and memory.", valueName: "count"))
  var mutate: Int?

  @Option(parsing: .unconditional, help: "The seed of the mutations.")
  var seed: UInt64 = 0

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "The time limit of a case. (default: 60; for a mutation 2, of CPU time)",
      valueName: "seconds"))
  var timeout: Double?

  @Option(
    help: ArgumentHelp(
      "Run only cases with a Conv, and force this algorithm wherever it applies.",
      discussion:
        "The tolerance is in units of the largest expected number; its default is 1e-5 for "
        + "exact, 5e-5 for winograd2 and winograd4, and 1e-4 for winograd6."))
  var convolution: ConvolutionChoice?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "The tolerance in units of the largest expected number, instead of that of the cases."))
  var tolerance: Double?

  @OptionGroup var reading: ReadingArguments

  func validate() throws {
    if let tolerance, !(0...1).contains(tolerance) {
      throw ValidationError("--tolerance: expected 0 to 1, got \(tolerance)")
    }
    if let mutate, !(1...1_000_000).contains(mutate) {
      throw ValidationError("--mutate: expected 1 to 1000000, got \(mutate)")
    }
    if let timeout, !(timeout > 0 && timeout <= 1e6) {
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
      let kind = convolution == nil ? "case" : "case with a Conv"
      throw Failure("found no \(kind) in \(folders.joined(separator: ", "))")
    }
    if let mutate { return try run(paths, mutations: mutate) }
    let asked = Set(runner.joined())
    let variants = asked.isEmpty ? [.optimized] : CaseVariant.allCases.filter(asked.contains)
    let cases = CaseRunner(
      paths, variants, timeout: .seconds(timeout ?? 60), convolution: convolution,
      tolerance: tolerance, reading: reading.texts)
    var progress = Progress()
    let results = try cases.run { work in
      progress.update("\(work)")
    } _: { result in
      let name = variants.count > 1 ? "\(result.path) (\(result.variant))" : result.path
      guard result.judgement != .values else { return }
      progress.clear()
      if let judgement = result.judgement {
        print("judged by \(judgement.rawValue) \(name)".escaped)
      } else {
        print("FAILED \(name): \(result.message)".escaped)
      }
    }
    progress.clear()
    if let json { try writeText("\(JSON.array(results.map(\.json)))\n", to: json) }
    if let operators {
      let table = try OperatorTable(results, reading.options)
      try writeText(table.lines.map { $0 + "\n" }.joined(), to: operators)
    }
    for variant in variants {
      let summary = summary(results.filter { $0.variant == variant })
      print(variants.count > 1 ? "\(variant): \(summary)" : summary)
    }
    return results.allSatisfy(\.passed) ? .fine : .differs
  }

  /// The variants that an argument of `--runner` names.
  private static func variants(_ text: String) throws -> [CaseVariant] {
    if text == "all" { return CaseVariant.allCases }
    guard let variant = CaseVariant(rawValue: text) else {
      let names = CaseVariant.allCases.map(\.rawValue).joined(separator: ", ")
      throw ValidationError("--runner: expected \(names) or all, got '\(text)'")
    }
    return [variant]
  }

  /// Runs mutants of the cases and prints those that fail.
  private func run(_ paths: [String], mutations: Int) throws(Failure) -> ExitStatus {
    let mutants = MutationRunner(paths, count: mutations, seed: seed, seconds: timeout ?? 2)
    var progress = Progress()
    let summary = try mutants.run { work in
      progress.update("\(work)")
    } _: { failure in
      progress.clear()
      print(
        "FAILED \(failure.path) mutant \(failure.number) (\(failure.changes)): \(failure.problem)"
          .escaped)
      StandardOutput.flush()
    }
    progress.clear()
    print(
      "\(summary.ran) mutants: \(summary.results) gave a result, \(summary.errors) an error, "
        + "\(summary.failures) failed")
    let isComplete = summary.ran == paths.count * mutations
    return summary.failures == 0 && isComplete ? .fine : .differs
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
