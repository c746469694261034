import ArgumentParser
import ONNXFormat
import ONNXSupport

/// The normalization of pictures.
package struct NormalizationArguments: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: "The mean subtracted from a picture's samples (0 to 1): one number or one per channel.")
  package var mean = "0"

  @Option(
    parsing: .unconditional,
    help: "The factor applied after subtracting the mean: one number or one per channel.")
  package var scale: String?

  @Option(
    parsing: .unconditional,
    help: "The standard deviation to divide by instead of --scale: one number or one per channel.")
  package var std: String?

  package init() {}

  /// - Throws: `Failure` for text that is not a list of numbers, or both `--scale` and `--std`
  package var normalization: PictureNormalization {
    get throws(Failure) {
      guard let std else {
        return PictureNormalization(
          mean: try Self.numbers(mean, "--mean"),
          scale: try Self.numbers(scale ?? "1", "--scale"))
      }
      guard scale == nil else { throw Failure("--scale and --std exclude each other") }
      return try Self.normalization(mean: mean, std: std)
    }
  }

  /// The given normalization, or else that of the keys `mean` and `std` of a model's metadata.
  /// - Throws: `Failure` for text that is not a list of numbers, or both `--scale` and `--std`
  package func normalization(
    orStatedIn metadata: [MetadataEntry]
  ) throws(Failure) -> PictureNormalization {
    func stated(_ key: String) -> String? { metadata.first { $0.key == key }?.value }
    guard !isAny, stated("mean") ?? stated("std") != nil else { return try normalization }
    do {
      return try Self.normalization(mean: stated("mean") ?? "0", std: stated("std") ?? "1")
    } catch { throw Failure("the model's metadata, in place of an option", error) }
  }

  private static func normalization(
    mean: String, std: String
  ) throws(Failure) -> PictureNormalization {
    let deviations = try numbers(std, "--std")
    guard deviations.allSatisfy({ $0 > 0 }) else {
      throw Failure("--std: expected numbers of more than 0, got '\(std)'")
    }
    return PictureNormalization(
      mean: try numbers(mean, "--mean"), scale: deviations.map { 1 / $0 })
  }

  /// Whether an option was given.
  package var isAny: Bool { mean != "0" || scale != nil || std != nil }

  private static func numbers(_ text: String, _ option: String) throws(Failure) -> [Float] {
    guard let numbers = floats(text) else {
      throw Failure("\(option): expected a number or comma-separated numbers, got '\(text)'")
    }
    return numbers
  }
}

/// Comma-separated finite numbers; `nil` for other text.
package func floats(_ text: String) -> [Float]? {
  let numbers = text.split(separator: ",", omittingEmptySubsequences: false).map { Float($0) }
  return numbers.contains { $0?.isFinite != true } ? nil : numbers.compactMap { $0 }
}
