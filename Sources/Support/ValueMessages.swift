import ONNXFormat

/// Reads a `.pb` message of the kind that a value's type asks for.
/// - Parameter type: `nil` reads a `TensorProto`
/// - Throws: `Failure`, with the path
package func readMessage(_ path: String, _ type: ValueType?) throws(Failure) -> Value {
  do { return try Value(contentsOf: path, as: type.map(Value.FileKind.init) ?? .tensor) } catch {
    throw Failure("\(error)")
  }
}
