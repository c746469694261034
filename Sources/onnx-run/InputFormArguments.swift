import ArgumentParser
import ToolSupport

/// The arguments for the shapes of inputs, the normalization of pictures and the rate of sounds.
struct InputFormArguments: ParsableArguments {
  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "The shape of an input. Dynamic dimensions default to 1.", valueName: "name=1x3x224x224"))
  var shape: [String] = []

  @OptionGroup private var numbers: NormalizationArguments

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
        normalization: numbers.isAny ? try numbers.normalization : nil, sampleRate: sampleRate)
    }
  }
}
