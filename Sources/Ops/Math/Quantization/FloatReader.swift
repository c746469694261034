import ONNXFormat
import ONNXOperators

/// Reads elements of any numeric type as float32, a block at a time.
struct FloatReader: Sendable {
  private let conversion: ElementConversion?
  private let stride: Int

  /// Returns `nil` if the type is not numeric.
  init?(_ type: ElementType) {
    conversion = ElementConversion(from: type, to: .float32)
    stride = type.stride
    if conversion == nil, type != .float32 { return nil }
  }

  /// Converts `count` elements, starting at `start`, into `block`.
  func read(
    _ x: UnsafePointer<UInt8>, from start: Int, _ count: Int, to block: UnsafeMutablePointer<Float>
  ) {
    let source = UnsafeRawPointer(x + start * stride)
    if let conversion {
      conversion(source, block, count)
    } else {
      UnsafeMutableRawPointer(block).copyMemory(from: source, byteCount: count * stride)
    }
  }
}

/// Writes float32 as elements of any numeric type, a block at a time.
struct FloatWriter: Sendable {
  private let conversion: ElementConversion?
  private let stride: Int

  /// Returns `nil` if the type is not numeric.
  init?(_ type: ElementType, _ rules: ElementConversion.Rules = ElementConversion.Rules()) {
    conversion = ElementConversion(from: .float32, to: type, rules)
    stride = type.stride
    if conversion == nil, type != .float32 { return nil }
  }

  /// Converts a block to the elements that start at `start`.
  func write(
    _ block: UnsafePointer<Float>, _ count: Int, to y: UnsafeMutablePointer<UInt8>, at start: Int
  ) {
    let target = UnsafeMutableRawPointer(y + start * stride)
    if let conversion {
      conversion(block, target, count)
    } else {
      target.copyMemory(from: block, byteCount: count * stride)
    }
  }
}
