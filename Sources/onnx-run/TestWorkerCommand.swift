import ArgumentParser
import ONNX
import ToolSupport

/// Reads `VARIANT FOLDER` and answers with how the case was judged, or with what is wrong.
struct TestWorkerCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "test-worker", abstract: "Runs cases for 'test'.", shouldDisplay: false)

  @Argument(help: "When to give up on a case.")
  var seconds: UInt32

  @Option var convolution: ConvolutionChoice?
  @Option var tolerance: Double?

  func perform() throws -> ExitStatus {
    answerRequests(patience: seconds) { request in
      print(String(answer(request).map { $0 == "\0" ? " " : $0 }), terminator: "")
    }
  }

  private func answer(_ request: String) -> String {
    let words = request.split(separator: " ", maxSplits: 1).map(String.init)
    guard words.count == 2, let variant = CaseVariant(rawValue: words[0]) else {
      return "'\(request)' is no request"
    }
    do {
      let verdict = try Case(path: words[1]).run(variant, convolution, tolerance: tolerance)
      return verdict.difference ?? verdict.judgement.rawValue
    } catch {
      let text = "\(error)"
      return text.isEmpty ? "failed" : text
    }
  }
}
