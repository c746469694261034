import ArgumentParser
import Glibc
import ONNX
import ToolSupport

/// Reads case folders from standard input, each ended by a zero byte, and answers each with what is
/// wrong, nothing where it passed, and a zero byte.
struct TestWorkerCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "test-worker", abstract: "Runs cases for 'test'.", shouldDisplay: false)

  @Argument(help: "When to give up on a case.")
  var seconds: UInt32

  @Option var convolution: ConvolutionChoice?
  @Option var tolerance: Double?

  func perform() throws -> ExitStatus {
    var pending: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = read(STDIN_FILENO, &chunk, chunk.count)
      if count <= 0 { return .fine }
      pending += chunk.prefix(count)
      while let end = pending.firstIndex(of: 0) {
        let path = String(decoding: pending[..<end], as: UTF8.self)
        pending.removeSubrange(...end)
        alarm(seconds)
        let message = message(path)
        alarm(0)
        print(message, terminator: "\0")
        fflush(nil)
      }
    }
  }

  /// What is wrong with a case; empty where it passed.
  private func message(_ path: String) -> String {
    do {
      let difference = try Case(path: path).run(convolution, tolerance: tolerance) ?? ""
      return String(difference.map { $0 == "\0" ? " " : $0 })
    } catch {
      let text = "\(error)".split(separator: "\0").joined(separator: " ")
      return text.isEmpty ? "failed" : text
    }
  }
}
