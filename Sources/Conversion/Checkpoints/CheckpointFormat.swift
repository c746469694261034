import ONNX

/// A file format of named tensors. A new format is a type that conforms to this protocol and a line
/// in `CheckpointFormats.standard`; formats of other packages are passed to `Weights(contentsOf:)`.
public protocol CheckpointFormat: Sendable {
  /// The name for error messages and help, such as `safetensors` or `.npz`.
  static var name: String { get }

  /// Whether a file is of this format, judged by its content. A damaged file of the format is one
  /// too, so that reading it tells what is wrong.
  /// - Throws: `FormatError` where the file cannot be read
  static func matches(_ file: CheckpointFile) throws(FormatError) -> Bool

  /// Reads and checks the table of a file. The tensors are read when they are asked for.
  /// - Throws: `FormatError` for a damaged file
  static func read(_ file: CheckpointFile) throws(FormatError) -> Weights
}

/// A file format that is also written.
public protocol WritableCheckpointFormat: CheckpointFormat {
  /// The extension of file names that asks for this format, without a dot.
  static var fileExtension: String { get }

  /// Writes tensors to a file, one in memory at a time. The file replaces an older one when it is
  /// complete.
  /// - Throws: `FormatError` where the format cannot hold a tensor, or writing fails
  static func write(_ weights: Weights, to path: String) throws(FormatError)
}

/// The formats of checkpoints.
public enum CheckpointFormats {
  /// The formats of this package, in the order in which a file is matched against them.
  public static let standard: [any CheckpointFormat.Type] = [
    NPYFile.self, TorchExport.self, TorchArchive.self, KerasArchive.self, HDF5Weights.self,
    GGUFFile.self,
    NPZFile.self,
    TorchLegacy.self, SafetensorsFile.self,
    ShardIndex.self,
  ]

  /// The format of a file, by its content; `nil` for a file that is none of these.
  /// - Throws: `FormatError` with the path, where the file is empty or cannot be read
  public static func format(
    ofFile path: String, among formats: [any CheckpointFormat.Type] = standard
  ) throws(FormatError) -> (any CheckpointFormat.Type)? {
    try inFile(path, for: .checkpoint) { () throws(FormatError) in
      let file = try CheckpointFile(path, limits: .init(), formats: formats)
      return try file.format()
    }
  }

  /// The names of formats as a list for a sentence.
  public static func list(_ formats: [any CheckpointFormat.Type] = standard) -> String {
    let names = formats.map { $0.name }
    return names.dropLast().joined(separator: ", ") + " or " + (names.last ?? "")
  }
}

/// A file to be read as a checkpoint.
public struct CheckpointFile: Sendable {
  /// The path as it was given.
  public let path: String
  /// Limits on what reading may take.
  public let limits: ReadingLimits
  /// The formats that files named by this one may have.
  public let formats: [any CheckpointFormat.Type]
  /// The open file.
  let input: InputFile

  init(
    _ path: String, limits: ReadingLimits, formats: [any CheckpointFormat.Type]
  ) throws(FormatError) {
    self.path = path
    self.limits = limits
    self.formats = formats
    input = try InputFile(path)
    guard input.count > 0 else { throw FormatError(.invalid("the file is empty")) }
  }

  /// The size of the file in bytes.
  public var count: Int { input.count }

  /// The bytes of a range.
  /// - Throws: `FormatError` where the range is not within the file, or reading fails
  public func bytes(_ range: Range<Int>) throws(FormatError) -> [UInt8] {
    guard range.lowerBound >= 0, range.upperBound <= count else {
      throw FormatError(.malformed("the file ends early", offset: count))
    }
    return try ByteSource(input).bytes(range)
  }

  /// The first bytes, or all of a shorter file.
  /// - Throws: `FormatError` where reading fails
  public func prefix(_ length: Int) throws(FormatError) -> [UInt8] {
    try bytes(0..<min(length, count))
  }

  func format() throws(FormatError) -> (any CheckpointFormat.Type)? {
    for format in formats where try format.matches(self) { return format }
    return nil
  }
}

extension Weights {
  /// Opens a checkpoint. The content of the file decides its format; by default it is any of
  /// `CheckpointFormats.standard`. The table of the file is read and checked at once, its tensors
  /// when they are asked for.
  /// - Throws: `FormatError` with the path, where the file is damaged or of no such format
  public init(
    contentsOf path: String, limits: ReadingLimits = .init(),
    formats: [any CheckpointFormat.Type] = CheckpointFormats.standard
  ) throws(FormatError) {
    self = try inFile(path, for: .checkpoint) { () throws(FormatError) in
      let file = try CheckpointFile(path, limits: limits, formats: formats)
      guard let format = try file.format() else {
        throw FormatError(
          .invalid("not a checkpoint: expected \(CheckpointFormats.list(formats))"))
      }
      let weights = try format.read(file)
      try weights.checkNames()
      return weights
    }
  }

  /// The extensions of file names that `write(to:)` takes, without a dot.
  public static var fileExtensions: [String] { writableFormats.map { $0.fileExtension } }

  private static var writableFormats: [any WritableCheckpointFormat.Type] {
    CheckpointFormats.standard.compactMap { $0 as? any WritableCheckpointFormat.Type }
  }

  /// Writes the tensors, one in memory at a time, in the format that the path's extension names:
  /// `.safetensors` or `.npz`. The file replaces an older one when it is complete.
  /// - Throws: `FormatError` with the path, for another extension, for two tensors of one name, and
  ///   where writing fails
  public func write(to path: String) throws(FormatError) {
    try inFile(path) { () throws(FormatError) in
      try checkNames()
      let formats = Self.writableFormats
      guard let format = formats.first(where: { path.hasSuffix("." + $0.fileExtension) }) else {
        let extensions = formats.map { "." + $0.fileExtension }.joined(separator: " or ")
        throw FormatError(.invalid("expected the extension \(extensions)"))
      }
      try format.write(self, to: path)
    }
  }
}

/// Calls `body`, with the path in front of the error it throws. Where the file was meant for a purpose
/// and is of a known other kind, the error names that.
func inFile<R>(
  _ path: String, for purpose: ForeignFile.Purpose? = nil, _ body: () throws(FormatError) -> R
) throws(FormatError) -> R {
  do throws(FormatError) { return try body() } catch {
    var error = error
    if let purpose {
      error = error.recognised(at: path, (try? InputFile(path)).map(ByteSource.init), for: purpose)
    }
    throw error.context.first == path ? error : error.within(path)
  }
}
