import ComplexModule
import RealModule

/// A Swift type that tensors hold.
public protocol Element: Sendable, Equatable {
  /// The element type of a tensor of `Self`.
  static var elementType: ElementType { get }
  /// 0, `false`, or the empty string.
  static var zero: Self { get }
}

extension Float: Element {
  /// float32.
  public static var elementType: ElementType { .float32 }
}
extension Double: Element {
  /// float64.
  public static var elementType: ElementType { .float64 }
}
extension Float16: Element {
  /// float16.
  public static var elementType: ElementType { .float16 }
}
extension Int8: Element {
  /// int8.
  public static var elementType: ElementType { .int8 }
}
extension Int16: Element {
  /// int16.
  public static var elementType: ElementType { .int16 }
}
extension Int32: Element {
  /// int32.
  public static var elementType: ElementType { .int32 }
}
extension Int64: Element {
  /// int64.
  public static var elementType: ElementType { .int64 }
}
extension UInt8: Element {
  /// uint8.
  public static var elementType: ElementType { .uint8 }
}
extension UInt16: Element {
  /// uint16.
  public static var elementType: ElementType { .uint16 }
}
extension UInt32: Element {
  /// uint32.
  public static var elementType: ElementType { .uint32 }
}
extension UInt64: Element {
  /// uint64.
  public static var elementType: ElementType { .uint64 }
}

extension Bool: Element {
  /// bool.
  public static var elementType: ElementType { .bool }
  /// `false`.
  public static var zero: Bool { false }
}

extension String: Element {
  /// string.
  public static var elementType: ElementType { .string }
  /// The empty string.
  public static var zero: String { "" }
}

/// `Float` or `Double`, as the real and imaginary part of a complex element.
public protocol ComplexPart: Real & Sendable {
  /// The type of a complex number with parts of type `Self`.
  static var complexElementType: ElementType { get }
}
extension Float: ComplexPart {
  /// complex64.
  public static var complexElementType: ElementType { .complex64 }
}
extension Double: ComplexPart {
  /// complex128.
  public static var complexElementType: ElementType { .complex128 }
}

extension Complex: Element where RealType: ComplexPart {
  /// complex64 or complex128.
  public static var elementType: ElementType { RealType.complexElementType }
}
