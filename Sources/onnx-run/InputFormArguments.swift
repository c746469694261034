import ArgumentParser
import ToolSupport

/// The arguments for the shapes of inputs, the normalization of pictures and the rate of sounds.
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

  @Option(
    parsing: .unconditional,
    help: """
      The samples per second to convert sounds to. (default: the model's metadata 'sample_rate', \
      else the file's)
      """)
  var sampleRate: Int?

  func validate() throws {
    if let sampleRate, !sampleRates.contains(sampleRate) {
      throw ValidationError("--sample-rate: expected 1 to 10000000, got \(sampleRate)")
    }
  }

  var form: InputForm {
    get throws(Failure) {
      InputForm(
        normalization: PictureNormalization(
          mean: try Self.numbers(mean, "--mean"), scale: try Self.numbers(scale, "--scale")),
        sampleRate: sampleRate)
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
