import COnnxInterface
import Glibc
import ONNX

/// Serialised values, as a run returns them to C.
struct SerializedValues {
  private(set) var values: [(name: [UInt8], kind: Int32, data: [UInt8])] = []

  /// Serialises a value.
  mutating func append(_ value: Value, name: String) throws(FormatError) {
    let kind =
      switch value {
      case .tensor: ONNX_TENSOR
      case .sparseTensor: ONNX_SPARSE_TENSOR
      case .sequence: ONNX_SEQUENCE
      case .map: ONNX_MAP
      case .optional: ONNX_OPTIONAL
      }
    values.append((Array(name.utf8) + [0], Int32(kind), try value.serialized(name: name)))
  }

  /// Copies the values to one block of `malloc`: the array, then the data of all values and their
  /// names.
  /// - Throws: `TensorError.outOfMemory` where `malloc` fails.
  func block() throws(TensorError) -> UnsafeMutablePointer<onnx_value> {
    let arraySize = max(values.count, 1) * MemoryLayout<onnx_value>.stride
    let size = values.reduce(arraySize) { $0 + $1.data.count + $1.name.count }
    guard let block = malloc(size) else { throw .outOfMemory(bytes: size) }
    var next = block + arraySize
    func place(_ bytes: [UInt8]) -> UnsafeMutableRawPointer {
      let start = next
      bytes.withUnsafeBytes { source in
        if let base = source.baseAddress { start.copyMemory(from: base, byteCount: source.count) }
      }
      next += bytes.count
      return start
    }
    let array = block.bindMemory(to: onnx_value.self, capacity: values.count)
    for (index, value) in values.enumerated() {
      let data = place(value.data)
      let name = place(value.name).bindMemory(to: CChar.self, capacity: value.name.count)
      array[index] = onnx_value(
        name: name, kind: value.kind, data: data, size: value.data.count)
    }
    return array
  }
}
