import Glibc
import ONNX

/// The form in which a file holds a model.
public enum ModelForm: Sendable, Hashable {
  /// A serialized `ModelProto`, the standard's own form.
  case onnx
  /// The standard's text syntax.
  case text
  /// JSON as protobuf writes it.
  case json

  /// The form that the extension of a file name asks for: text for `.onnxtxt`, JSON for `.json`, and
  /// the standard's own for any other.
  public init(forPath path: String) {
    let name = path.lowercased()
    self = name.hasSuffix(".onnxtxt") ? .text : name.hasSuffix(".json") ? .json : .onnx
  }

  /// The form of a file with this content. A text begins with `<`, a brace, a word or a quotation mark.
  /// A serialized model cannot begin with `<` or a brace, and has control characters, in its lengths,
  /// which a text has in strings only.
  /// - Parameter content: the file's bytes, or its first 256
  public init(content: some Sequence<UInt8>) {
    let isSpace = { (byte: UInt8) in byte == 0x20 || (0x09...0x0D).contains(byte) }
    let head = content.prefix(256)
    guard let first = head.first(where: { !isSpace($0) }),
      "<{".utf8.contains(first) || head.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || isSpace($0) })
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
  /// Reads a model from a file in any form, which its content decides. External data is looked up in
  /// the folder of the file.
  /// - Throws: `ConversionError` with the path, where the file is not a model
  public init(
    fileInAnyForm path: String, options: ReadingOptions = .init()
  ) throws(ConversionError) {
    do {
      let file = try InputFile(path)
      let head = try ByteSource(file).bytes(0..<min(file.count, 256))
      let form = ModelForm(content: head)
      guard form != .onnx else {
        self = try Model(contentsOf: path, options: options)
        return
      }
      guard file.count <= Self.longestText else {
        throw ConversionError("a model as text is limited to \(Self.longestText >> 20) MB")
      }
      let text = try ByteSource(file).bytes(0..<file.count)
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

  /// Writes the model in a form. The file replaces an older one when it is complete.
  /// - Returns: one sentence for each kind of content that the form cannot hold
  /// - Throws: `ConversionError` with the path
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

  /// The largest text that is read, in bytes.
  private static let longestText = 1 << 30

  /// The folder of the file that a path leads to once symbolic links are resolved.
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
