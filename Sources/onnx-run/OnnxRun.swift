import ArgumentParser

@main
struct OnnxRun: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Runs ONNX models.")
}
