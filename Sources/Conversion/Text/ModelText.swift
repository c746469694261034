import ONNX

/// A model in the standard's text syntax.
public struct ModelText: Sendable {
  /// The text. UTF-8, unless a string in the model is not.
  public var bytes: [UInt8]
  /// What of the model the syntax cannot hold, or the reference parser cannot read: one sentence
  /// each.
  public var warnings: [String]
}

extension Model {
  /// Reads a model in the standard's text syntax, as `onnx.parser` does.
  ///
  /// What `onnx.parser` skips or gets wrong is read too: lists of tensors, graphs and types, quoted
  /// names of attributes, operators and graphs in attributes, and elements of less than a byte,
  /// which may share bytes or not.
  /// - Parameters:
  ///   - bytes: the text, in UTF-8
  ///   - externalFolder: where external data lies; without one there can be none
  /// - Throws: `ConversionError`, with line and column, where the text is no model.
  public init(
    text bytes: [UInt8], externalFolder: String? = nil, options: ReadingOptions = .init()
  ) throws(ConversionError) {
    var parser = TextParser(bytes, externalFolder: externalFolder, options: options)
    self = try parser.model()
  }

  /// Reads a model in the standard's text syntax.
  /// - Throws: `ConversionError`, with line and column, where the text is no model.
  public init(text: String) throws(ConversionError) { try self.init(text: Array(text.utf8)) }

  /// The model in the standard's text syntax, laid out as `onnx.printer` does.
  public func text() -> ModelText {
    var printer = TextPrinter()
    printer.print(self)
    return ModelText(bytes: printer.bytes, warnings: printer.warnings)
  }
}
