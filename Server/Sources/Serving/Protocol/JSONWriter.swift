import NIOCore
import ONNX

/// Writes JSON, whose structure whoever uses it states.
struct JSONWriter {
  /// The text.
  private(set) var buffer = ByteBuffer()

  /// Appends text as it is.
  mutating func write(_ text: String) { buffer.writeString(text) }

  /// Appends a string in quotes.
  mutating func string(_ text: String) {
    buffer.writeInteger(UInt8(ascii: "\""))
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\""): buffer.writeStaticString("\\\"")
      case UInt8(ascii: "\\"): buffer.writeStaticString("\\\\")
      case UInt8(ascii: "\n"): buffer.writeStaticString("\\n")
      case 0..<0x10: write("\\u000" + String(byte, radix: 16))
      case 0x10..<0x20: write("\\u00" + String(byte, radix: 16))
      default: buffer.writeInteger(byte)
      }
    }
    buffer.writeInteger(UInt8(ascii: "\""))
  }

  /// Appends an array of items.
  mutating func array<S: Sequence>(
    _ items: S, _ write: (inout JSONWriter, S.Element) throws -> Void
  ) rethrows {
    buffer.writeInteger(UInt8(ascii: "["))
    var isFirst = true
    for item in items {
      if !isFirst { buffer.writeInteger(UInt8(ascii: ",")) }
      isFirst = false
      try write(&self, item)
    }
    buffer.writeInteger(UInt8(ascii: "]"))
  }

  /// Appends the elements of a tensor as a flat array.
  mutating func elements<T: TensorElement>(of tensor: Tensor, as type: T.Type) {
    array(tensor.elements(as: type)) { json, element in element.write(to: &json) }
  }
}
