import ONNXFormat

/// The names of a classifier's classes in the order of its scores, which a model can have in its
/// metadata under `metadataKey`, as a JSON array.
public enum ClassNames {
  /// The key of the model's metadata.
  public static let metadataKey = "classes"

  /// The names in a model's metadata; none if it does not state them as a JSON array of strings.
  public static func stated(in metadata: [MetadataEntry]) -> [String] {
    let entry = metadata.first { $0.key == metadataKey }
    return entry.flatMap { try? StringList.parse($0.value) } ?? []
  }

  /// The metadata of a model with these classes.
  public static func metadata(_ names: [String]) -> MetadataEntry {
    MetadataEntry(key: metadataKey, value: StringList.json(names))
  }
}
