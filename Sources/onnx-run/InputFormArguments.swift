import ArgumentParser
import ToolSupport

/// The arguments for the shapes of inputs and the normalization of pictures.
struct InputFormArguments: ParsableArguments {
  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "The shape of an input. Dynamic dimensions default to 1.", valueName: "name=1x3x224x224"))
  var shape: [String] = []

  @Option(
    parsing: .unconditional,
    help: "The mean subtracted from a picture's samples (0 to 1): one number or one per channel.")
  var mean = "0"

  @Option(
    parsing: .unconditional,
    help: "The factor applied after subtracting the mean: one number or one per channel.")
  var scale = "1"

  var normalization: PictureNormalization {
    get throws(Failure) {
      PictureNormalization(
        mean: try Self.numbers(mean, "--mean"), scale: try Self.numbers(scale, "--scale"))
    }
  }

  /// The numbers of `--mean` or `--scale`.
  private static func numbers(_ text: String, _ option: String) throws(Failure) -> [Float] {
    var numbers: [Float] = []
    for word in text.split(separator: ",", omittingEmptySubsequences: false) {
      guard let number = Float(word), number.isFinite else {
        throw Failure("\(option): expected a number or comma-separated numbers, got '\(text)'")
      }
      numbers.append(number)
    }
    return numbers
  }
}
