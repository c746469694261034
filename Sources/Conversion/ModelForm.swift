import ONNX

/// The form in which a file holds a model.
public enum ModelForm: Sendable, Hashable {
  /// A serialized `ModelProto`, the standard's own form.
  case onnx
  /// The standard's text syntax.
  case text
  /// JSON as protobuf writes it. A network of ConvNetJS in JSON is read, too.
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
    // The file that an error recognises.
    var opened: InputFile?
    do {
      let file = try InputFile(path)
      opened = file
      let head = try ByteSource(file).bytes(0..<min(file.count, 256))
      guard ModelForm(content: head) != .onnx else {
        self = try Model(contentsOf: path, options: options)
        return
      }
      guard file.count <= Self.longestText else {
        throw ConversionError("a model as text is limited to \(Self.longestText >> 20) MB")
      }
      var options = options
      if options.externalFolder == nil {
        options.externalFolders = try ExternalData.folders(of: file)
      }
      let bytes = try ByteSource(file).bytes(0..<file.count)
      if Self.isConvNetJS(bytes) { opened = nil }
      self = try Model(inAnyForm: bytes, options: options)
    } catch let error as ConversionError {
      let sentence = opened.flatMap {
        ForeignFile.sentence(
          ByteSource($0), path: path, for: .model, isText: !path.hasSuffix(".onnx"))
      }
      throw ConversionError("\(path.escaped): \(sentence?.escaped ?? error.description)")
    } catch let error as FormatError {
      throw ConversionError("\(error.recognised(at: path, nil, for: .model))")
    } catch {
      throw ConversionError("\(error)")
    }
  }

  /// Reads a model from bytes in any form, which they decide. External data needs
  /// `ReadingOptions.externalFolder`.
  /// - Throws: `ConversionError` where the bytes are not a model
  public init(
    inAnyForm bytes: [UInt8], options: ReadingOptions = .init()
  ) throws(ConversionError) {
    switch ModelForm(content: bytes) {
    case .onnx:
      do { self = try Model(serialized: bytes, options: options) } catch {
        throw ConversionError("\(error)")
      }
    case .text: self = try Model(text: bytes, options: options)
    case .json where Self.isConvNetJS(bytes): self = try Model(convNetJS: bytes)
    case .json: self = try Model(json: bytes, options: options)
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
}
