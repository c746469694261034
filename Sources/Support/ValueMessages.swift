import ONNXFormat

/// Reads a `.pb` message of the kind that a value's type asks for.
/// - Parameter type: `nil` reads a `TensorProto`
/// - Throws: `Failure`, with the path
package func readMessage(
  _ path: String, _ type: ValueType?, _ options: ReadingOptions = ReadingOptions()
) throws(Failure) -> Value {
  let kind = type.map(Value.FileKind.init) ?? .tensor
  do { return try Value(contentsOf: path, as: kind, options: options) } catch {
    throw Failure("\(error)")
  }
}
