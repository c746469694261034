import ONNXFormat
import ONNXInterpreter

// Functions of signals. Each adds nodes of the standard to the model that the signal belongs to, and
// throws `ModelError` if the operator does not accept the element types or shapes.

extension Signal {
  /// `a + b`, broadcast.
  public static func + (a: Signal, b: Signal) throws(ModelError) -> Signal { try a.node("Add", b) }
  /// `a − b`, broadcast.
  public static func - (a: Signal, b: Signal) throws(ModelError) -> Signal { try a.node("Sub", b) }
  /// `a · b` for each pair of elements, broadcast.
  public static func * (a: Signal, b: Signal) throws(ModelError) -> Signal { try a.node("Mul", b) }
  /// `a / b`, broadcast.
  public static func / (a: Signal, b: Signal) throws(ModelError) -> Signal { try a.node("Div", b) }
  /// `−a`.
  public static prefix func - (a: Signal) throws(ModelError) -> Signal { try a.node("Neg") }

  /// `a + b` for each element. The number takes the element type of `a`.
  public static func + (a: Signal, b: Double) throws(ModelError) -> Signal { try a + a.number(b) }
  /// `a − b` for each element. The number takes the element type of `a`.
  public static func - (a: Signal, b: Double) throws(ModelError) -> Signal { try a - a.number(b) }
  /// `a · b` for each element. The number takes the element type of `a`.
  public static func * (a: Signal, b: Double) throws(ModelError) -> Signal { try a * a.number(b) }
  /// `a / b` for each element. The number takes the element type of `a`.
  public static func / (a: Signal, b: Double) throws(ModelError) -> Signal { try a / a.number(b) }
  /// `a + b` for each element. The number takes the element type of `b`.
  public static func + (a: Double, b: Signal) throws(ModelError) -> Signal { try b.number(a) + b }
  /// `a − b` for each element. The number takes the element type of `b`.
  public static func - (a: Double, b: Signal) throws(ModelError) -> Signal { try b.number(a) - b }
  /// `a · b` for each element. The number takes the element type of `b`.
  public static func * (a: Double, b: Signal) throws(ModelError) -> Signal { try b.number(a) * b }
  /// `a / b` for each element. The number takes the element type of `b`.
  public static func / (a: Double, b: Signal) throws(ModelError) -> Signal { try b.number(a) / b }

  /// Whether `a > b`, broadcast: bool.
  public static func .> (a: Signal, b: Signal) throws(ModelError) -> Signal {
    try a.node("Greater", b)
  }
  /// Whether `a > b` for each element: bool.
  public static func .> (a: Signal, b: Double) throws(ModelError) -> Signal {
    try a .> a.number(b)
  }
  /// Whether `a < b`, broadcast: bool.
  public static func .< (a: Signal, b: Signal) throws(ModelError) -> Signal {
    try a.node("Less", b)
  }
  /// Whether `a < b` for each element: bool.
  public static func .< (a: Signal, b: Double) throws(ModelError) -> Signal {
    try a .< a.number(b)
  }

  fileprivate func node(
    _ operatorType: String, _ other: Signal? = nil, _ attributes: [Attribute] = []
  ) throws(ModelError) -> Signal {
    try builder.node(operatorType, [self] + (other.map { [$0] } ?? []), attributes)
  }

  /// A constant of the signal's element type.
  fileprivate func number(_ value: Double) throws(ModelError) -> Signal {
    try builder.scalar(value, elementType)
  }

  fileprivate func reduced(
    _ operatorType: String, _ axes: [Int]?, _ keepsAxes: Bool
  ) throws(ModelError) -> Signal {
    let list = try axes.map { axes throws(ModelError) in
      try builder.integers(axes, hint: "axes")
    }
    return try node(operatorType, list, [.int("keepdims", keepsAxes ? 1 : 0)])
  }
}

/// The hyperbolic tangent of each element.
public func tanh(_ x: Signal) throws(ModelError) -> Signal { try x.node("Tanh") }
/// `eˣ` for each element.
public func exp(_ x: Signal) throws(ModelError) -> Signal { try x.node("Exp") }
/// The natural logarithm of each element.
public func log(_ x: Signal) throws(ModelError) -> Signal { try x.node("Log") }
/// The square root of each element.
public func sqrt(_ x: Signal) throws(ModelError) -> Signal { try x.node("Sqrt") }
/// The magnitude of each element.
public func abs(_ x: Signal) throws(ModelError) -> Signal { try x.node("Abs") }
/// The sine of each element.
public func sin(_ x: Signal) throws(ModelError) -> Signal { try x.node("Sin") }
/// The cosine of each element.
public func cos(_ x: Signal) throws(ModelError) -> Signal { try x.node("Cos") }
/// `1 / (1 + e⁻ˣ)` for each element.
public func sigmoid(_ x: Signal) throws(ModelError) -> Signal { try x.node("Sigmoid") }
/// `max(x, 0)` for each element.
public func relu(_ x: Signal) throws(ModelError) -> Signal { try x.node("Relu") }
/// `ln(1 + eˣ)` for each element.
public func softplus(_ x: Signal) throws(ModelError) -> Signal { try x.node("Softplus") }
/// `x` to the power of `exponent`, for each pair of elements, broadcast.
public func pow(_ x: Signal, _ exponent: Signal) throws(ModelError) -> Signal {
  try x.node("Pow", exponent)
}
/// `x` to the power of `exponent`, for each element.
public func pow(_ x: Signal, _ exponent: Double) throws(ModelError) -> Signal {
  try x.node("Pow", x.number(exponent))
}

/// `eˣ / Σ eˣ` along an axis, which counts from the end if it is negative.
public func softmax(_ x: Signal, axis: Int = -1) throws(ModelError) -> Signal {
  try x.node("Softmax", nil, [.int("axis", axis)])
}
/// `x − ln Σ eˣ` along an axis, which counts from the end if it is negative.
public func logSoftmax(_ x: Signal, axis: Int = -1) throws(ModelError) -> Signal {
  try x.node("LogSoftmax", nil, [.int("axis", axis)])
}

/// The matrix product `[…, M, K] · […, K, N] → […, M, N]`, with broadcasting of the other axes.
public func matmul(_ a: Signal, _ b: Signal) throws(ModelError) -> Signal {
  try a.node("MatMul", b)
}

/// The sum over some axes, or over all for `nil`, which gives a single number of rank 0.
/// - Parameter keepsAxes: Whether the axes remain with size 1.
public func sum(
  _ x: Signal, axes: [Int]? = nil, keepsAxes: Bool = false
) throws(ModelError) -> Signal {
  try x.reduced("ReduceSum", axes, keepsAxes)
}
/// The mean over some axes, or over all for `nil`, which gives a single number of rank 0.
/// - Parameter keepsAxes: Whether the axes remain with size 1.
public func mean(
  _ x: Signal, axes: [Int]? = nil, keepsAxes: Bool = false
) throws(ModelError) -> Signal {
  try x.reduced("ReduceMean", axes, keepsAxes)
}
/// The largest element over some axes, or over all for `nil`, which gives a single number of rank 0.
/// - Parameter keepsAxes: Whether the axes remain with size 1.
public func maximum(
  _ x: Signal, axes: [Int]? = nil, keepsAxes: Bool = false
) throws(ModelError) -> Signal {
  try x.reduced("ReduceMax", axes, keepsAxes)
}

/// The elements of `a` where the condition is true, and those of `b` elsewhere, broadcast.
public func select(
  _ condition: Signal, _ a: Signal, _ b: Signal
) throws(ModelError) -> Signal {
  try condition.builder.node("Where", [condition, a, b])
}

/// Rows with a 1 at the class of each label and zeros elsewhere: `[…] → […, classes]`.
/// - Parameters:
///   - labels: Classes, int64 from 0.
///   - type: The element type of the result.
public func oneHot(
  _ labels: Signal, classes: Int, _ type: ElementType = .float32
) throws(ModelError) -> Signal {
  let m = labels.builder
  let isClass = try m.node("Equal", [m.unsqueeze(labels, -1), m.integers(Array(0..<classes))])
  return try m.cast(isClass, to: type)
}
