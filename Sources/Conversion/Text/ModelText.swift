import ONNX

/// A model in the standard's text syntax.
public struct ModelText: Sendable {
  /// The text. UTF-8, unless a string in the model is not.
  public var bytes: [UInt8]
  /// One sentence for each kind of content that the syntax cannot hold or the reference parser cannot
  /// read.
  public var warnings: [String]
}

extension Model {
  /// Reads a model from the standard's text syntax, as `onnx.parser` does.
  ///
  /// It also reads what `onnx.parser` skips or misreads: lists of tensors, graphs and types, quoted
  /// names of attributes, operators and graphs in attributes, and elements of less than a byte, packed
  /// into bytes or one by one.
  /// - Parameters:
  ///   - bytes: the text, in UTF-8
  ///   - externalFolder: the folder of external data; without one, external data is an error
  ///   - options: options and limits of reading
  /// - Throws: `ConversionError`, with line and column, where the text is not a model
  public init(
    text bytes: [UInt8], externalFolder: String? = nil, options: ReadingOptions = .init()
  ) throws(ConversionError) {
    var parser = TextParser(bytes, externalFolder: externalFolder, options: options)
    self = try parser.model()
  }

  /// Reads a model from the standard's text syntax.
  /// - Throws: `ConversionError`, with line and column, where the text is not a model
  public init(text: String) throws(ConversionError) { try self.init(text: Array(text.utf8)) }

  /// The model in the standard's text syntax, laid out as `onnx.printer` does.
  public func text() -> ModelText {
    var printer = TextPrinter()
    printer.print(self)
    return ModelText(bytes: printer.bytes, warnings: printer.warnings)
  }
}
