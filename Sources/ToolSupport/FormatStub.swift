import ONNX

public func readTensors(npz path: String) throws(Failure) -> [(name: String, tensor: Tensor)] {
  throw Failure(path)
}
public func readMessage(_ path: String, _ type: ValueType?) throws(Failure) -> Value {
  do { return try Value(contentsOf: path, as: type.map(Value.FileKind.init) ?? .tensor) } catch {
    throw Failure("\(error)")
  }
}
public func readValue(_ path: String, _ type: ValueType?) throws(Failure) -> Value {
  try readMessage(path, type)
}
public func write(npy: Tensor, to path: String) throws(Failure) { throw Failure(path) }
public func write(npz: [(name: String, tensor: Tensor)], to path: String) throws(Failure) {
  throw Failure(path)
}
public func write(message: Value, name: String, to path: String) throws(Failure) {
  throw Failure(path)
}
extension ElementType {
  public var isFilledWithNoise: Bool { [.float32, .float64, .float16, .bfloat16].contains(self) }
}
