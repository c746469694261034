import ArgumentParser
import ToolSupport

@main
struct OnnxTrain: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "onnx-train", abstract: "Trains ONNX models.")

  static func main() { runTool("onnx-train", OnnxTrain.self) }
}
