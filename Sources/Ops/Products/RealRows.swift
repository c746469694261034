import CKernels
import ONNXFormat
import ONNXOperators
import RealModule

/// `Float` or `Double`: the types that reals compute in, with loops over rows.
@usableFromInline package protocol RowElement: BLASElement {
  static func sum(_ x: UnsafePointer<Self>, _ count: Int) -> Self
  /// `Σ (x − mean)²`.
  static func squares(_ x: UnsafePointer<Self>, _ count: Int, mean: Self) -> Self
  /// `y = (x − mean) · factor + shift`; `y` may be `x`.
  static func affine(
    _ x: UnsafePointer<Self>, _ y: UnsafeMutablePointer<Self>, _ count: Int, mean: Self,
    factor: Self, shift: Self)
  /// `y = (x − mean) · factor · a + b`, element by element; `y` may be `x`.
  static func normalize(
    _ x: UnsafePointer<Self>, _ y: UnsafeMutablePointer<Self>, _ count: Int, mean: Self,
    factor: Self, _ a: UnsafePointer<Self>, _ b: UnsafePointer<Self>?)
  /// `Σ g` and `Σ g · (x − mean)`.
  static func gradientSums(
    _ g: UnsafePointer<Self>, _ x: UnsafePointer<Self>, _ count: Int, mean: Self
  ) -> (g: Double, gx: Double)
  /// `y = a · g + b · (x − mean) + c`.
  static func gradientAffine(
    _ g: UnsafePointer<Self>, _ x: UnsafePointer<Self>, _ y: UnsafeMutablePointer<Self>,
    _ count: Int, mean: Self, a: Self, b: Self, c: Self)
  /// One row of the gradient of a normalization `y = x̂ · scale + bias`,
  /// `x̂ = (x − mean) · inverse`: adds to the sums for scale and bias, and writes the gradient for
  /// x if requested.
  static func rowGradient(
    _ g: UnsafePointer<Self>, _ x: UnsafePointer<Self>, _ scale: UnsafePointer<Self>,
    _ y: UnsafeMutablePointer<Self>?, _ scaleSums: UnsafeMutablePointer<Self>,
    _ biasSums: UnsafeMutablePointer<Self>, _ count: Int, mean: Self, inverse: Self,
    isCentered: Bool)
}

extension RowElement {
  @inlinable package static func sum(_ x: UnsafePointer<Self>, _ count: Int) -> Self {
    var sum: Self = 0
    for i in 0..<count { sum += x[i] }
    return sum
  }

  @inlinable package static func squares(_ x: UnsafePointer<Self>, _ count: Int, mean: Self) -> Self
  {
    var sum: Self = 0
    for i in 0..<count { sum += (x[i] - mean) * (x[i] - mean) }
    return sum
  }

  @inlinable package static func affine(
    _ x: UnsafePointer<Self>, _ y: UnsafeMutablePointer<Self>, _ count: Int, mean: Self,
    factor: Self, shift: Self
  ) {
    for i in 0..<count { y[i] = (x[i] - mean) * factor + shift }
  }

  @inlinable package static func normalize(
    _ x: UnsafePointer<Self>, _ y: UnsafeMutablePointer<Self>, _ count: Int, mean: Self,
    factor: Self, _ a: UnsafePointer<Self>, _ b: UnsafePointer<Self>?
  ) {
    for i in 0..<count { y[i] = (x[i] - mean) * factor * a[i] + (b?[i] ?? 0) }
  }

  @inlinable package static func gradientSums(
    _ g: UnsafePointer<Self>, _ x: UnsafePointer<Self>, _ count: Int, mean: Self
  ) -> (g: Double, gx: Double) {
    var sums = (g: Double(0), gx: Double(0))
    for i in 0..<count {
      sums.g += Double(g[i])
      sums.gx += Double(g[i] * (x[i] - mean))
    }
    return sums
  }

  @inlinable package static func gradientAffine(
    _ g: UnsafePointer<Self>, _ x: UnsafePointer<Self>, _ y: UnsafeMutablePointer<Self>,
    _ count: Int, mean: Self, a: Self, b: Self, c: Self
  ) {
    for i in 0..<count { y[i] = a * g[i] + (b * (x[i] - mean) + c) }
  }

  @inlinable package static func rowGradient(
    _ g: UnsafePointer<Self>, _ x: UnsafePointer<Self>, _ scale: UnsafePointer<Self>,
    _ y: UnsafeMutablePointer<Self>?, _ scaleSums: UnsafeMutablePointer<Self>,
    _ biasSums: UnsafeMutablePointer<Self>, _ count: Int, mean: Self, inverse: Self,
    isCentered: Bool
  ) {
    var (sum, product): (Self, Self) = (0, 0)
    for i in 0..<count {
      let normal = (x[i] - mean) * inverse
      sum += g[i] * scale[i]
      product += g[i] * scale[i] * normal
      scaleSums[i] += g[i] * normal
      biasSums[i] += g[i]
    }
    guard let y else { return }
    let (a, b) = (isCentered ? sum / Self(count) : 0, product / Self(count))
    for i in 0..<count {
      y[i] = inverse * (g[i] * scale[i] - a - (x[i] - mean) * inverse * b)
    }
  }
}

extension Double: RowElement {}

extension Float: RowElement {
  @usableFromInline package static func sum(_ x: UnsafePointer<Float>, _ count: Int) -> Float {
    Float(ck_reduce_sum(x, count))
  }
  @usableFromInline package static func squares(
    _ x: UnsafePointer<Float>, _ count: Int, mean: Float
  ) -> Float {
    ck_centered_squares(x, count, mean)
  }
  @usableFromInline package static func affine(
    _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int, mean: Float,
    factor: Float, shift: Float
  ) { ck_affine(x, y, count, mean, factor, shift) }
  @usableFromInline package static func normalize(
    _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int, mean: Float,
    factor: Float, _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>?
  ) { ck_normalize(x, y, count, mean, factor, a, b) }
  @usableFromInline package static func gradientSums(
    _ g: UnsafePointer<Float>, _ x: UnsafePointer<Float>, _ count: Int, mean: Float
  ) -> (g: Double, gx: Double) {
    var sums = (g: Double(0), gx: Double(0))
    ck_gradient_sums(g, x, count, mean, &sums.g, &sums.gx)
    return sums
  }
  @usableFromInline package static func gradientAffine(
    _ g: UnsafePointer<Float>, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>,
    _ count: Int, mean: Float, a: Float, b: Float, c: Float
  ) { ck_gradient_affine(g, x, y, count, mean, a, b, c) }
  @usableFromInline package static func rowGradient(
    _ g: UnsafePointer<Float>, _ x: UnsafePointer<Float>, _ scale: UnsafePointer<Float>,
    _ y: UnsafeMutablePointer<Float>?, _ scaleSums: UnsafeMutablePointer<Float>,
    _ biasSums: UnsafeMutablePointer<Float>, _ count: Int, mean: Float, inverse: Float,
    isCentered: Bool
  ) {
    ck_row_gradient(
      g, x, scale, y, scaleSums, biasSums, count, mean, inverse, isCentered ? 1 : 0)
  }
}

extension ElementType {
  /// The type in which normalization computes for elements of this type.
  package var computed: ElementType { self == .float64 ? .float64 : .float32 }
}

/// Access to the rows of a tensor of reals in the type they compute in: in place if that is their
/// element type, otherwise through a temporary row.
@usableFromInline package struct RealRows<C: RowElement>: Sendable {
  @usableFromInline package let type: ElementType

  @usableFromInline package init(_ type: ElementType) throws(OperatorError) {
    guard [.float32, .float64, .float16, .bfloat16].contains(type) else {
      throw .invalid("element type \(type) is not supported")
    }
    self.type = type
  }

  /// The number of elements of a temporary row for `count` elements of the tensor.
  @inlinable package func room(_ count: Int) -> Int { type == C.elementType ? 0 : count.vectors }

  /// Reads `count` elements from `offset` on.
  @inlinable package func read(
    _ base: UnsafePointer<UInt8>, at offset: Int, _ count: Int, room: UnsafeMutablePointer<C>
  ) -> UnsafePointer<C> {
    let start = UnsafeRawPointer(base) + offset * type.stride
    if type == C.elementType { return start.assumingMemoryBound(to: C.self) }
    switch type {
    case .float32: convert(start.assumingMemoryBound(to: Float.self), room, count)
    case .float64: convert(start.assumingMemoryBound(to: Double.self), room, count)
    case .float16: convert(start.assumingMemoryBound(to: Float16.self), room, count)
    default: convert(start.assumingMemoryBound(to: BFloat16.self), room, count)
    }
    return UnsafePointer(room)
  }

  /// The memory in which to compute elements from `offset` on.
  @inlinable package func target(
    _ base: UnsafeMutablePointer<UInt8>, at offset: Int, room: UnsafeMutablePointer<C>
  ) -> UnsafeMutablePointer<C> {
    guard type == C.elementType else { return room }
    return (UnsafeMutableRawPointer(base) + offset * type.stride).assumingMemoryBound(to: C.self)
  }

  /// Stores `count` elements that were computed in `target`.
  @inlinable package func store(
    _ row: UnsafeMutablePointer<C>, _ base: UnsafeMutablePointer<UInt8>, at offset: Int,
    _ count: Int
  ) {
    if type == C.elementType { return }
    let start = UnsafeMutableRawPointer(base) + offset * type.stride
    switch type {
    case .float32: convert(row, start.assumingMemoryBound(to: Float.self), count)
    case .float64: convert(row, start.assumingMemoryBound(to: Double.self), count)
    case .float16: convert(row, start.assumingMemoryBound(to: Float16.self), count)
    default: convert(row, start.assumingMemoryBound(to: BFloat16.self), count)
    }
  }

  @inlinable package func convert<T: RealElement>(
    _ x: UnsafePointer<T>, _ y: UnsafeMutablePointer<C>, _ count: Int
  ) {
    for i in 0..<count { y[i] = C(x[i].compute) }
  }

  @inlinable package func convert<T: RealElement>(
    _ x: UnsafeMutablePointer<C>, _ y: UnsafeMutablePointer<T>, _ count: Int
  ) {
    for i in 0..<count { y[i] = T(compute: T.Compute(x[i])) }
  }
}

extension Buffers {
  /// The bytes of an input, for `RealRows`.
  @inlinable package func bytes(input: Int) -> UnsafePointer<UInt8> { self.input(input) }
  /// The bytes of an output, for `RealRows`.
  @inlinable package func bytes(output: Int) -> UnsafeMutablePointer<UInt8> { self.output(output) }
}

extension Preparation {
  /// Input `index` as rows of reals.
  @inlinable package func rows<C>(_ index: Int) throws(OperatorError) -> RealRows<C> {
    try RealRows(try elementType(index))
  }
}
