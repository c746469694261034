import Glibc
import ONNX

/// How a file holds a model.
public enum ModelForm: Sendable, Hashable {
  /// The standard's own: a `ModelProto` as protobuf writes it.
  case onnx
  /// The standard's text syntax.
  case text
  /// protobuf's JSON.
  case json

  /// The form that the ending of a file's name asks for: `.onnxtxt`, `.json`, or any other.
  public init(forPath path: String) {
    let name = path.lowercased()
    self = name.hasSuffix(".onnxtxt") ? .text : name.hasSuffix(".json") ? .json : .onnx
  }

  /// The form of a file that begins with these bytes. The text forms begin with other characters
  /// than white space and hold no control characters; a serialised model does, in its lengths.
  public init(content: some Sequence<UInt8>) {
    let isSpace = { (byte: UInt8) in byte == 0x20 || (0x09...0x0D).contains(byte) }
    let head = content.prefix(256)
    guard let first = head.first(where: { !isSpace($0) }),
      head.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || isSpace($0) })
    else {
      self = .onnx
      return
    }
    if first == UInt8(ascii: "{") {
      self = .json
    } else if first.isWordByte && !first.isDigit || "<\"#".utf8.contains(first) {
      self = .text
    } else {
      self = .onnx
    }
  }
}

extension Model {
  /// Reads a model from a file in any form; its content says which. External data lies in the folder
  /// of the file.
  /// - Throws: `ConversionError`, with the path, where the file is no model.
  public init(
    fileInAnyForm path: String, options: ReadingOptions = .init()
  ) throws(ConversionError) {
    do {
      let file = try InputFile(path)
      var head = [UInt8](repeating: 0, count: min(file.count, 256))
      try file.read(into: &head)
      let form = ModelForm(content: head)
      guard form != .onnx else {
        self = try Model(contentsOf: path, options: options)
        return
      }
      guard file.count <= Self.longestText else {
        throw ConversionError("a model as text of more than \(Self.longestText >> 20) MB")
      }
      var text = [UInt8](repeating: 0, count: file.count)
      try file.read(into: &text)
      let folder = Self.folder(of: path)
      self =
        form == .text
        ? try Model(text: text, externalFolder: folder, options: options)
        : try Model(json: text, externalFolder: folder, options: options)
    } catch let error as ConversionError {
      throw ConversionError("\(path.escaped): \(error)")
    } catch {
      throw ConversionError("\(error)")
    }
  }

  /// Writes the model in that form. The file takes its place once it is whole.
  /// - Returns: what the form cannot hold, one sentence each.
  /// - Throws: `ConversionError`, with the path.
  @discardableResult
  public func write(to path: String, as form: ModelForm) throws(ConversionError) -> [String] {
    do {
      var warnings: [String] = []
      let bytes: [UInt8]
      switch form {
      case .onnx:
        try write(to: path)
        return []
      case .text:
        let text = text()
        bytes = text.bytes
        warnings = text.warnings
      case .json: bytes = try json()
      }
      let file = try OutputFile(path)
      try bytes.withUnsafeBytes { try file.write($0) }
      try file.commit()
      return warnings
    } catch let error as ConversionError {
      throw ConversionError("\(path.escaped): \(error)")
    } catch {
      throw ConversionError("\(error)")
    }
  }

  /// Bytes of a text that is read.
  private static let longestText = 1 << 30

  /// The folder of the file itself, behind all links.
  private static func folder(of path: String) -> String {
    var resolved = path
    if let pointer = realpath(path, nil) {
      resolved = String(cString: pointer)
      free(pointer)
    }
    guard let slash = resolved.lastIndex(of: "/") else { return "." }
    return slash == resolved.startIndex ? "/" : String(resolved[..<slash])
  }
}

extension InputFile {
  /// Fills `bytes` from the beginning of the file on.
  fileprivate func read(into bytes: inout [UInt8]) throws {
    try bytes.withUnsafeMutableBytes { buffer in
      guard let start = buffer.baseAddress else { return }
      try read(buffer.count, at: 0, into: start)
    }
  }
}
