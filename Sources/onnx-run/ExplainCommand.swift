import ArgumentParser
import ONNX
import ToolSupport

/// Shows what a model does inside, as pictures.
struct ExplainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "explain",
    abstract: "Draws what a model does inside, as a PNG file.",
    discussion: """
      EXAMPLES:
        onnx-run explain filters models/lenet5.onnx --output filters.png
        onnx-run explain maps models/lenet5.onnx --input models/digits/7.png --output maps.png
        onnx-run explain gates models/char_lstm.onnx --prompt "To be, or not" --output gates.png
        onnx-run explain sensitivity models/char_gru.onnx --prompt "ROMEO:" --output steps.png
        onnx-run explain saliency models/lenet5.onnx --input models/digits/7.png --output s.png
      """,
    subcommands: [
      ExplainFilters.self, ExplainMaps.self, ExplainGates.self, ExplainSensitivity.self,
      ExplainSaliency.self,
    ])
}

/// What all pictures of a model ask for.
struct ExplainArguments: ParsableArguments {
  @Argument(help: "The ONNX file.")
  var model: String

  @Option(
    parsing: .unconditional,
    help: "The node's name, or that of one of its outputs. (default: the first that suits)")
  var node: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Where the picture is written.", valueName: "file.png"))
  var output: String

  @OptionGroup var session: SessionArguments
}

/// What the model is shown.
struct ExplainInputArguments: ParsableArguments {
  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "A file for an input; without NAME= for the next one.", valueName: "[name=]file"))
  var input: [String] = []

  @Option(
    parsing: .unconditional,
    help: "A text for the input of tokens, in the vocabulary of the model's metadata.")
  var prompt: String?

  @OptionGroup var form: InputFormArguments
}
