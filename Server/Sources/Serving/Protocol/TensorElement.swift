import NIOCore
import ONNX

/// An element type that the protocol carries, as JSON and as bytes.
protocol TensorElement: Element {
  /// The fewest bytes of an element in binary data.
  static var smallestBinarySize: Int { get }
  /// Whether all elements take `smallestBinarySize` bytes.
  static var hasFixedSize: Bool { get }

  /// Reads an element in JSON.
  /// - Throws: `ServingError` for a value of another kind, or out of range
  static func read(_ scanner: inout JSONScanner) throws -> Self
  /// Writes an element in JSON.
  func write(to json: inout JSONWriter)

  /// Reads all elements from binary data.
  /// - Precondition: there are enough bytes for elements of the smallest size
  static func decode(
    _ bytes: UnsafeRawBufferPointer, into elements: UnsafeMutableBufferPointer<Self>) throws
  /// Appends the elements of a tensor of this type as binary data.
  static func encode(_ tensor: Tensor, to buffer: inout ByteBuffer)
}

extension TensorElement {
  static var smallestBinarySize: Int { MemoryLayout<Self>.stride }
  static var hasFixedSize: Bool { true }

  static func decode(
    _ bytes: UnsafeRawBufferPointer, into elements: UnsafeMutableBufferPointer<Self>
  ) throws {
    UnsafeMutableRawBufferPointer(elements).copyMemory(from: bytes)
  }

  static func encode(_ tensor: Tensor, to buffer: inout ByteBuffer) {
    tensor.withUnsafeBytes { bytes in _ = buffer.writeBytes(bytes) }
  }
}

extension TensorElement where Self: FixedWidthInteger {
  static func read(_ scanner: inout JSONScanner) throws -> Self { try scanner.integer() }
  func write(to json: inout JSONWriter) { json.write(description) }
}

extension Int8: TensorElement {}
extension Int16: TensorElement {}
extension Int32: TensorElement {}
extension Int64: TensorElement {}
extension UInt8: TensorElement {}
extension UInt16: TensorElement {}
extension UInt32: TensorElement {}
extension UInt64: TensorElement {}

extension TensorElement where Self: BinaryFloatingPoint & CustomStringConvertible {
  /// The shortest text that reads back as the same number. `NaN` and `Infinity` are not JSON, but
  /// Triton and Python write and read them, and no other form of them is in use.
  func write(to json: inout JSONWriter) {
    if isFinite {
      json.write(description)
    } else {
      json.write(isNaN ? "NaN" : self < 0 ? "-Infinity" : "Infinity")
    }
  }
}

extension Double: TensorElement {
  static func read(_ scanner: inout JSONScanner) throws -> Double { try scanner.double() }
}
extension Float: TensorElement {
  static func read(_ scanner: inout JSONScanner) throws -> Float { try scanner.float() }
}
extension Float16: TensorElement {
  static func read(_ scanner: inout JSONScanner) throws -> Float16 {
    let value = try scanner.double()
    let rounded = Float16(value)
    if rounded.isInfinite, value.isFinite { throw scanner.outOfRange("FP16") }
    return rounded
  }
}
extension BFloat16: TensorElement {
  static func read(_ scanner: inout JSONScanner) throws -> BFloat16 {
    let value = try scanner.float()
    let rounded = BFloat16(value)
    if rounded.float.isInfinite, value.isFinite { throw scanner.outOfRange("BF16") }
    return rounded
  }
  func write(to json: inout JSONWriter) { float.write(to: &json) }
}

extension Bool: TensorElement {
  static func read(_ scanner: inout JSONScanner) throws -> Bool { try scanner.bool() }
  func write(to json: inout JSONWriter) { json.write(self ? "true" : "false") }

  /// Any byte but 0 is true; as the memory of a `Bool` it has to be 1.
  static func decode(
    _ bytes: UnsafeRawBufferPointer, into elements: UnsafeMutableBufferPointer<Bool>
  ) throws {
    for index in elements.indices { elements[index] = bytes[index] != 0 }
  }
}

extension String: TensorElement {
  /// The length before the text.
  static var smallestBinarySize: Int { MemoryLayout<UInt32>.size }
  static var hasFixedSize: Bool { false }

  static func read(_ scanner: inout JSONScanner) throws -> String { try scanner.string() }
  func write(to json: inout JSONWriter) { json.string(self) }

  static func decode(
    _ bytes: UnsafeRawBufferPointer, into elements: UnsafeMutableBufferPointer<String>
  ) throws {
    var rest = bytes[...]
    for index in elements.indices {
      guard rest.count >= 4 else {
        throw ServingError(
          .badRequest, "the binary data ends after \(index) of \(elements.count) elements")
      }
      let length = Int(
        UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: rest.startIndex, as: UInt32.self)))
      rest = rest.dropFirst(4)
      guard length <= rest.count else {
        throw ServingError(
          .badRequest, "element \(index) has \(length) bytes, but only \(rest.count) follow")
      }
      guard let text = String(validating: rest.prefix(length), as: UTF8.self) else {
        throw ServingError(.badRequest, "element \(index) is not valid UTF-8")
      }
      elements[index] = text
      rest = rest.dropFirst(length)
    }
    guard rest.isEmpty else {
      throw ServingError(
        .badRequest, "\(rest.count) bytes follow the \(elements.count) elements of the shape")
    }
  }

  static func encode(_ tensor: Tensor, to buffer: inout ByteBuffer) {
    for text in tensor.elements(as: String.self) {
      buffer.writeInteger(UInt32(clamping: text.utf8.count), endianness: .little)
      buffer.writeString(text)
    }
  }
}
