import ComplexModule
import RealModule

/// A Swift type that tensors hold.
public protocol Element: Sendable, Equatable {
  static var elementType: ElementType { get }
  /// The value a fresh tensor is filled with: 0, `false`, or the empty string.
  static var zero: Self { get }
}

extension Float: Element { public static var elementType: ElementType { .float32 } }
extension Double: Element { public static var elementType: ElementType { .float64 } }
extension Float16: Element { public static var elementType: ElementType { .float16 } }
extension Int8: Element { public static var elementType: ElementType { .int8 } }
extension Int16: Element { public static var elementType: ElementType { .int16 } }
extension Int32: Element { public static var elementType: ElementType { .int32 } }
extension Int64: Element { public static var elementType: ElementType { .int64 } }
extension UInt8: Element { public static var elementType: ElementType { .uint8 } }
extension UInt16: Element { public static var elementType: ElementType { .uint16 } }
extension UInt32: Element { public static var elementType: ElementType { .uint32 } }
extension UInt64: Element { public static var elementType: ElementType { .uint64 } }

extension Bool: Element {
  public static var elementType: ElementType { .bool }
  public static var zero: Bool { false }
}

extension String: Element {
  public static var elementType: ElementType { .string }
  public static var zero: String { "" }
}

/// `Float` and `Double`: the parts of the two complex element types.
public protocol ComplexPart: Real & Sendable {
  static var complexElementType: ElementType { get }
}
extension Float: ComplexPart { public static var complexElementType: ElementType { .complex64 } }
extension Double: ComplexPart { public static var complexElementType: ElementType { .complex128 } }

extension Complex: Element where RealType: ComplexPart {
  public static var elementType: ElementType { RealType.complexElementType }
}
