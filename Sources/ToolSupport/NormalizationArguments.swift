import ArgumentParser
import ONNXFormat
import ONNXSupport

/// The normalization of pictures.
package struct NormalizationArguments: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: """
      The mean subtracted from a picture's samples (0 to 1): one number or one per channel. \
      (default: the model's metadata 'image_mean', else 0)
      """)
  package var mean: String?

  @Option(
    parsing: .unconditional,
    help: """
      The factor applied after subtracting the mean: one number or one per channel. (default: the \
      model's metadata 'image_scale', else 1)
      """)
  package var scale: String?

  @Option(
    parsing: .unconditional,
    help: "The standard deviation to divide by instead of --scale: one number or one per channel.")
  package var std: String?

  package init() {}

  /// - Throws: `Failure` for text that is not a list of numbers, or both `--scale` and `--std`
  package var normalization: PictureNormalization {
    get throws(Failure) {
      let mean = try Self.numbers(mean ?? "0", "--mean")
      guard let std else {
        return PictureNormalization(mean: mean, scale: try Self.numbers(scale ?? "1", "--scale"))
      }
      guard scale == nil else { throw Failure("--scale and --std exclude each other") }
      let deviations = try Self.numbers(std, "--std")
      guard deviations.allSatisfy({ $0 > 0 }) else {
        throw Failure("--std: expected numbers of more than 0, got '\(std)'")
      }
      return PictureNormalization(mean: mean, scale: deviations.map { 1 / $0 })
    }
  }

  /// The given normalization, or else that of a model's metadata, or else none.
  /// - Throws: `Failure` for text that is not a list of numbers, or both `--scale` and `--std`
  package func normalization(
    orStatedIn metadata: [MetadataEntry]
  ) throws(Failure) -> PictureNormalization {
    isAny ? try normalization : try .stated(in: metadata) ?? PictureNormalization()
  }

  /// Whether an option was given.
  package var isAny: Bool { mean != nil || scale != nil || std != nil }

  private static func numbers(_ text: String, _ option: String) throws(Failure) -> [Float] {
    guard let numbers = floats(text) else {
      throw Failure("\(option): expected a number or comma-separated numbers, got '\(text)'")
    }
    return numbers
  }
}

extension PictureNormalization {
  private static let meanKey = "image_mean"
  private static let scaleKey = "image_scale"

  /// The normalization that a model's metadata states; `nil` if it states none.
  /// - Throws: `Failure` for text that is not a list of numbers
  package static func stated(
    in metadata: [MetadataEntry]
  ) throws(Failure) -> PictureNormalization? {
    func numbers(_ key: String) throws(Failure) -> [Float]? {
      guard let text = metadata.first(where: { $0.key == key })?.value else { return nil }
      guard let numbers = floats(text) else {
        throw Failure(
          "the metadata '\(key)': expected comma-separated numbers, found \(text.quoted)")
      }
      return numbers
    }
    let (mean, scale) = (try numbers(meanKey), try numbers(scaleKey))
    return mean == nil && scale == nil
      ? nil : PictureNormalization(mean: mean ?? [0], scale: scale ?? [1])
  }

  /// The metadata of a model with this normalization, in place of another.
  package func stated(in metadata: [MetadataEntry]) -> [MetadataEntry] {
    func text(_ numbers: [Float]) -> String { numbers.map { "\($0)" }.joined(separator: ",") }
    return metadata.filter { ![Self.meanKey, Self.scaleKey].contains($0.key) } + [
      MetadataEntry(key: Self.meanKey, value: text(mean)),
      MetadataEntry(key: Self.scaleKey, value: text(scale)),
    ]
  }
}

/// Comma-separated finite numbers; `nil` for other text.
package func floats(_ text: String) -> [Float]? {
  let numbers = text.split(separator: ",", omittingEmptySubsequences: false).map { Float($0) }
  return numbers.contains { $0?.isFinite != true } ? nil : numbers.compactMap { $0 }
}
