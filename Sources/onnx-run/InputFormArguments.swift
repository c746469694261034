import ArgumentParser
import ToolSupport

/// The arguments for the shapes of inputs and the normalization of pictures.
struct InputFormArguments: ParsableArguments {
  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "The shape of an input. Dynamic dimensions default to 1.", valueName: "name=1x3x224x224"))
  var shape: [String] = []

  @OptionGroup private var numbers: NormalizationArguments

  var normalization: PictureNormalization {
    get throws(Failure) { try numbers.normalization }
  }
}
