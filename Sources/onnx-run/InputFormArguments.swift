import ArgumentParser
import ToolSupport

/// What the inputs of a model are made to be.
struct InputFormArguments: ParsableArguments {
  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp("Sizes of an input; free ones are 1.", valueName: "name=1x3x224x224"))
  var shape: [String] = []

  @Option(
    parsing: .unconditional,
    help: "Subtracted from a picture's samples, which go from 0 to 1; one, or one a channel.")
  var mean = "0"

  @Option(parsing: .unconditional, help: "What the difference is multiplied by.")
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
        throw Failure("\(option): expected a number, or one a channel with commas, got '\(text)'")
      }
      numbers.append(number)
    }
    return numbers
  }
}
