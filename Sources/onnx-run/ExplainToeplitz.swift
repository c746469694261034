import ArgumentParser
import ToolSupport

/// Draws a convolution as a matrix.
struct ExplainToeplitz: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "toeplitz",
    abstract: "Draws a convolution as the product with a matrix, beside layers that share less.",
    discussion: """
      The matrix has a column for each cell of a small map and a row for each cell of the output. Its \
      columns are the convolution's outputs for maps with a single 1. It belongs to one filter and one \
      channel. Beside it are a locally connected layer with the same windows and a fully connected \
      layer, with random weights. Red is positive, blue negative; grey cells have no weight.

      EXAMPLES:
        onnx-run explain toeplitz models/lenet5.onnx --output t.png
        onnx-run explain toeplitz models/lenet5.onnx --node conv2.conv --size 8 --output t.png
      """)

  @OptionGroup var arguments: ExplainArguments

  @Option(
    parsing: .unconditional,
    help: "The size of the map along each axis. (default: that of the window, and 3)")
  var size: Int?

  @Option(parsing: .unconditional, help: "The index of the filter.")
  var filter = 0

  @Option(parsing: .unconditional, help: "The index of the filter's channel.")
  var channel = 0

  func perform() throws -> ExitStatus {
    try arguments.explain(nil) { model, _ in
      let matrix = try model.convolutionMatrix(
        of: arguments.node, filter: filter, channel: channel, size: size)
      print(
        "\(matrix.rows) × \(matrix.columns) cells: \(matrix.denseCount) weights fully connected, "
          + "\(matrix.localCount) locally connected, \(matrix.sharedCount) shared")
      return try matrix.image()
    }
    return .fine
  }
}
