import ArgumentParser
import ONNX
import ONNXConversion
import ToolSupport

@main
struct OnnxConvert: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "onnx-convert",
    abstract: "Converts models and checkpoints.",
    discussion: """
      The content of FROM decides how it is read, the extension of TO what is written: .onnxtxt is the
      standard's text syntax, .json protobuf's, .dot and .svg the graph as a picture.
      Exit code: 0 fine, 2 anything that stopped the work.
      """)

  @Argument(help: "The model to read.") var from: String
  @Argument(help: "The file to write.") var to: String

  @OptionGroup var changes: ModelOptions

  static func main() { runTool("onnx-convert", OnnxConvert.self) }

  mutating func perform() throws -> ExitStatus {
    let model = try changes.apply(to: Model(fileInAnyForm: from)) { print($0) }
    try changes.write(model, to: to)
    return .fine
  }
}
