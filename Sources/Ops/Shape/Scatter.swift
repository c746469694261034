import ComplexModule
import ONNXFormat
import ONNXOperators
import RealModule

/// The combination of an update with the element that it is written to.
enum ScatterReduction: String, CaseIterable, Sendable {
  case none, add, mul, max, min

  init(_ node: inout NodeReader) throws(OperatorError) {
    // Version 16 added `add` and `mul`, 18 `max` and `min`.
    let count = node.version >= 18 ? 5 : node.version >= 16 ? 3 : 1
    let allowed = Self.allCases.prefix(count).map(\.rawValue)
    let name = count == 1 ? "none" : try node.choice("reduction", default: "none", among: allowed)
    self = Self(rawValue: name) ?? .none
  }
}

/// An element that can be combined with updates.
protocol ScatterElement: Element {
  static func scatterAdd(_ a: Self, _ b: Self) -> Self
  static func scatterMultiply(_ a: Self, _ b: Self) -> Self
  /// The result is NaN if one value is NaN.
  static func scatterMax(_ a: Self, _ b: Self) -> Self
  static func scatterMin(_ a: Self, _ b: Self) -> Self
}

extension FixedWidthInteger {
  static func scatterAdd(_ a: Self, _ b: Self) -> Self { a &+ b }
  static func scatterMultiply(_ a: Self, _ b: Self) -> Self { a &* b }
  static func scatterMax(_ a: Self, _ b: Self) -> Self { Swift.max(a, b) }
  static func scatterMin(_ a: Self, _ b: Self) -> Self { Swift.min(a, b) }
}
extension RealElement {
  static func scatterAdd(_ a: Self, _ b: Self) -> Self { Self(compute: a.compute + b.compute) }
  static func scatterMultiply(_ a: Self, _ b: Self) -> Self {
    Self(compute: a.compute * b.compute)
  }
  static func scatterMax(_ a: Self, _ b: Self) -> Self {
    a.compute > b.compute || a.compute.isNaN ? a : b
  }
  static func scatterMin(_ a: Self, _ b: Self) -> Self {
    a.compute < b.compute || a.compute.isNaN ? a : b
  }
}
extension Bool: ScatterElement {
  static func scatterAdd(_ a: Bool, _ b: Bool) -> Bool { a || b }
  static func scatterMultiply(_ a: Bool, _ b: Bool) -> Bool { a && b }
  static func scatterMax(_ a: Bool, _ b: Bool) -> Bool { a || b }
  static func scatterMin(_ a: Bool, _ b: Bool) -> Bool { a && b }
}
/// Complex numbers are ordered by their real parts, then by their imaginary parts, as in NumPy.
extension Complex: ScatterElement where RealType: ComplexPart {
  static func scatterAdd(_ a: Self, _ b: Self) -> Self { a + b }
  static func scatterMultiply(_ a: Self, _ b: Self) -> Self { a * b }
  static func scatterMax(_ a: Self, _ b: Self) -> Self { isLess(a, b) ? b : a }
  static func scatterMin(_ a: Self, _ b: Self) -> Self { isLess(b, a) ? b : a }
  private static func isLess(_ a: Self, _ b: Self) -> Bool {
    (a.real, a.imaginary) < (b.real, b.imaginary)
  }
}
extension Int8: ScatterElement {}
extension Int16: ScatterElement {}
extension Int32: ScatterElement {}
extension Int64: ScatterElement {}
extension UInt8: ScatterElement {}
extension UInt16: ScatterElement {}
extension UInt32: ScatterElement {}
extension UInt64: ScatterElement {}
extension Float16: ScatterElement {}
extension BFloat16: ScatterElement {}
extension Float: ScatterElement {}
extension Double: ScatterElement {}

/// Writes updates (input 2 by default) into a copy of the data (input 0) at offsets in scratch memory.
struct Scattering: Sendable {
  /// The number of elements of a block; offsets and `count` are in blocks.
  let block: Int
  let count: Int
  let reduction: ScatterReduction
  var updates = 2

  func kernel(
    _ call: Preparation,
    _ fill: @escaping @Sendable (Buffers, UnsafeMutablePointer<Int>) throws(OperatorError) -> Void
  ) throws(OperatorError) -> Kernel {
    let type = try call.elementType(0)
    let write = reduction == .none ? StoreUpdates(self).tile(Chunk(type)) : reducer(type)
    guard let write else { throw .input(0, "reduction '\(reduction)' does not support \(type)") }
    let elements = try call.outputCount(0)
    let copy = StridedCopy(type, [elements], from: [1], to: [1])
    let job = CopyJob(copy)
    let tile: Buffers.Tile = { buffers, task, _ in job.run(task..<task + 1, buffers) }
    let hasUpdates = count > 0 && block > 0
    return .compute(scratch: try scratchBytes(count)) { buffers throws(OperatorError) in
      try fill(buffers, buffers.scratch.assumingMemoryBound(to: Int.self))
      if buffers.input(0, as: UInt8.self) != UnsafePointer(buffers.output(0, as: UInt8.self)) {
        buffers.parallel(copy.units, tile)
      }
      if hasUpdates { write(buffers, 0, 0) }
    }
  }

  private func reducer(_ type: ElementType) -> Buffers.Tile? {
    switch type {
    case .bool: reduce(Bool.self)
    case .int8: reduce(Int8.self)
    case .int16: reduce(Int16.self)
    case .int32: reduce(Int32.self)
    case .int64: reduce(Int64.self)
    case .uint8: reduce(UInt8.self)
    case .uint16: reduce(UInt16.self)
    case .uint32: reduce(UInt32.self)
    case .uint64: reduce(UInt64.self)
    case .float16: reduce(Float16.self)
    case .bfloat16: reduce(BFloat16.self)
    case .float32: reduce(Float.self)
    case .float64: reduce(Double.self)
    case .complex64: reduce(Complex<Float>.self)
    case .complex128: reduce(Complex<Double>.self)
    default: nil
    }
  }

  private func reduce<T: ScatterElement>(_ type: T.Type) -> Buffers.Tile {
    switch reduction {
    case .add: { buffers, _, _ in combine(buffers) { T.scatterAdd($0, $1) } }
    case .mul: { buffers, _, _ in combine(buffers) { T.scatterMultiply($0, $1) } }
    case .max: { buffers, _, _ in combine(buffers) { T.scatterMax($0, $1) } }
    default: { buffers, _, _ in combine(buffers) { T.scatterMin($0, $1) } }
    }
  }

  @inline(__always)
  private func combine<T>(_ buffers: Buffers, _ operation: (T, T) -> T) {
    let offsets = buffers.scratch.assumingMemoryBound(to: Int.self)
    let updates = buffers.input(self.updates, as: T.self)
    let y = buffers.output(0, as: T.self)
    for i in 0..<count {
      let (from, to) = (updates + i * block, y + offsets[i] * block)
      for j in 0..<block { to[j] = operation(to[j], from[j]) }
    }
  }
}

/// Runs in sequence, because the last of two updates of the same element must win.
private struct StoreUpdates: Mover {
  let scattering: Scattering
  init(_ scattering: Scattering) { self.scattering = scattering }

  func move<T>(_ type: T.Type, _ buffers: Buffers, task: Int) {
    let block = scattering.block
    let offsets = buffers.scratch.assumingMemoryBound(to: Int.self)
    let updates = buffers.input(scattering.updates, as: T.self)
    let y = buffers.output(0, as: T.self)
    if block == 1 {
      for i in 0..<scattering.count { y[offsets[i]] = updates[i] }
    } else {
      for i in 0..<scattering.count {
        (y + offsets[i] * block).update(from: updates + i * block, count: block)
      }
    }
  }
}

extension Backward {
  /// Sets the gradients of the data and of the updates. The standard does not define which of two updates
  /// of the same element is kept, so both receive its gradient.
  mutating func scatter(
    _ scatter: String, _ gather: String, _ attributes: [Attribute], _ reduction: ScatterReduction
  ) throws(OperatorError) {
    guard let gradient = gradient() else { return }
    switch reduction {
    case .none:
      if wants(0) {
        let zeros = builder.zeros(like: input(2), try elementType())
        set(0, builder.node(scatter, [gradient, input(1), zeros], attributes))
      }
    case .add: set(0, gradient)
    default: throw .unsupported("the gradient of \(scatter) by \(reduction)")
    }
    if wants(2) { set(2, builder.node(gather, [gradient, input(1)], attributes)) }
  }
}

extension VersionStep {
  /// The version added reductions.
  static let reduction = VersionStep.added(16, ["reduction": .string("none")])

  static let extremeReduction = VersionStep(
    18,
    down: { change throws(OperatorError) in
      let name = try change.string("reduction") ?? "none"
      guard name != "max", name != "min" else {
        throw .attribute("reduction", "that version does not support '\(name)'")
      }
    })
}
