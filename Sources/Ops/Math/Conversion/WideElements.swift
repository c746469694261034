import ONNXFormat
import ONNXOperators

/// Elements that are compared as `W`, a type that represents all of their values exactly.
///
/// Loops over rare types are compiled only for the wide type.
struct WideElements<W: Sendable>: Sendable {
  /// The number of elements that are converted at a time.
  static var block: Int { 512 }
  /// The stride of an element, in bytes.
  let stride: Int
  /// The conversion to `W`, or `nil` if the elements have that type.
  let conversion: ElementConversion?

  fileprivate init(_ type: ElementType, as wide: ElementType) {
    stride = type.stride
    conversion = ElementConversion(from: type, to: wide)
  }

  /// Returns the elements at `x`, converted into `block` unless they already have the type `W`.
  @inline(__always)
  func read(
    _ x: UnsafeRawPointer, _ count: Int, _ block: UnsafeMutablePointer<W>
  ) -> UnsafePointer<W> {
    guard let conversion else { return x.assumingMemoryBound(to: W.self) }
    conversion(x, block, count)
    return UnsafePointer(block)
  }
}

/// Generic code that runs for the wide type of an `ElementType` known only at run time.
protocol WideVisitor {
  associatedtype WideContext
  associatedtype WideResult
  func visit<W: ArithmeticElement>(
    _ elements: WideElements<W>, _ context: WideContext
  ) -> WideResult
}

extension ElementType {
  /// Calls the visitor for `Float`, `Double`, `Int32`, `Int64` or `UInt64`.
  /// - Returns: `nil` for a type that is not among the twelve numeric types.
  @inline(__always)
  func dispatchWide<V: WideVisitor>(to visitor: V, _ context: V.WideContext) -> V.WideResult? {
    switch self {
    case .float32, .float16, .bfloat16:
      visitor.visit(WideElements<Float>(self, as: .float32), context)
    case .float64: visitor.visit(WideElements<Double>(self, as: .float64), context)
    case .int32: visitor.visit(WideElements<Int32>(self, as: .int32), context)
    case .int8, .int16, .int64, .uint8, .uint16, .uint32:
      visitor.visit(WideElements<Int64>(self, as: .int64), context)
    case .uint64: visitor.visit(WideElements<UInt64>(self, as: .uint64), context)
    default: nil
    }
  }
}
