import ONNX

extension Model {
  /// Reads a model from protobuf's JSON, as `google.protobuf.json_format` does.
  /// - Parameters:
  ///   - bytes: the text, in UTF-8
  ///   - externalFolder: the folder of external data; without one, external data is an error
  ///   - options: options and limits of reading
  /// - Throws: `ConversionError`, with line and column where the text is not such JSON
  public init(
    json bytes: [UInt8], externalFolder: String? = nil, options: ReadingOptions = .init()
  ) throws(ConversionError) {
    let message = try MessageFromJSON.model(bytes)
    if message.isEmpty { throw ConversionError("not an ONNX model: the message has no graph") }
    do throws(FormatError) {
      try self.init(serialized: message, options: options, externalFolder: externalFolder)
    } catch { throw ConversionError(error.description) }
  }

  /// Reads a model from protobuf's JSON.
  /// - Throws: `ConversionError`, with line and column where the text is not such JSON
  public init(json: String) throws(ConversionError) { try self.init(json: Array(json.utf8)) }

  /// The model in protobuf's JSON: names in camel case, 64-bit integers as strings, bytes in base64,
  /// enumerations by name. The text is ASCII.
  /// - Throws: `ConversionError` for a model of more than 2 GB
  public func json() throws(ConversionError) -> [UInt8] {
    let message: [UInt8]
    do throws(FormatError) { message = try serialized() } catch {
      throw ConversionError(error.description)
    }
    return try MessageToJSON.text(ofModel: message)
  }
}
