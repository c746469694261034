import ONNXFormat
import RealModule

/// The values that the derivative of `y = f(x)` is computed from.
public enum DerivativeSource: Sendable {
  /// `x`.
  case input
  /// `y`.
  case output
  /// `x` and `y`.
  case both
}

/// A loop that computes `gx[i] = f′(x[i]) · g[i]` for `count` elements. `gx` may be the same memory as
/// `g`. Only the values that `derivativeSource` names may be read from `x` and `y`.
public typealias GradientLoop<T> =
  @Sendable (
    _ x: UnsafePointer<T>, _ y: UnsafePointer<T>, _ g: UnsafePointer<T>,
    _ gx: UnsafeMutablePointer<T>, _ count: Int
  ) -> Void

/// An elementwise operator with a derivative. Training computes its gradient in one pass over memory,
/// by an operator of the private domain that is registered together with this one.
public protocol DifferentiableElementwise: ElementwiseOperator, DifferentiableOperator {
  /// The arguments that `derivative` uses. The other one has no meaning.
  static var derivativeSource: DerivativeSource { get }

  /// `dy/dx` at `x`, where `y = f(x)`. `T` is `Float` or `Double`.
  func derivative<T: Real & BinaryFloatingPoint>(_ x: T, _ y: T) -> T

  /// A loop over contiguous float32 elements that is faster than `derivative`; `nil`, the default, for
  /// none.
  var vectorisedGradient: GradientLoop<Float>? { get }

  /// The kernel of the gradient. The default calls `derivative`. It is a requirement so that its loops
  /// are compiled for each operator.
  func gradientKernel(_ call: Preparation) throws(OperatorError) -> Kernel
}

extension DifferentiableElementwise {
  /// The operator that computes the gradient.
  public static var gradientOperators: [any Operator.Type] { [ElementwiseGradient<Self>.self] }
  /// `nil`.
  public var vectorisedGradient: GradientLoop<Float>? { nil }

  /// Adds a node that computes the gradient of input 0 in one pass.
  public func differentiate(_ backward: inout Backward) throws(OperatorError) {
    guard let gradient = backward.gradient() else { return }
    let x = Self.derivativeSource == .output ? "" : backward.input(0)
    let y = Self.derivativeSource == .input ? "" : backward.output(0)
    backward.set(
      0,
      backward.builder.node(
        ElementwiseGradient<Self>.schema.name, [gradient, x, y], backward.forward.attributes,
        domain: Registry.privateDomain, operatorSet: backward.operatorSet,
        hint: "\(backward.input(0))_grad"))
  }
}

/// The gradient of an elementwise operator. Inputs are the gradient of its output, then `x` and `y` of
/// the operator as far as the derivative needs them.
package struct ElementwiseGradient<Base: DifferentiableElementwise>: Operator {
  package static var schema: Schema {
    let base = Base.schema
    // Operators of several domains may have one name.
    let name = base.domain.isEmpty ? base.name : "\(base.domain).\(base.name)"
    return Schema(name + "Grad", gradientOf: base, inputs: 2...3, outputs: 1...1)
  }
  private let base: Base

  package init(_ node: inout NodeReader) throws(OperatorError) { base = try Base(&node) }

  package var overwritableInputs: [Int] { [0] }

  package func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let gradient = try inputs.tensor(0, [.floats, .bfloat16])
    var shape = gradient.shape
    for index in 1...2 where inputs.has(index) {
      shape = try OperandAlignment.none.shape(shape, inputs.tensor(index, sameTypeAs: 0).shape)
    }
    return [.tensor(gradient.elementType, shape)]
  }

  package func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    try base.gradientKernel(call)
  }
}

extension DifferentiableElementwise {
  /// A kernel that calls `derivative`, or `vectorisedGradient` for float32.
  @inlinable public func gradientKernel(_ call: Preparation) throws(OperatorError) -> Kernel {
    switch try call.elementType(0) {
    case .float32: try kernel(call, vectorisedGradient ?? floatLoop)
    case .float64:
      try kernel(call) { (x: UnsafePointer<Double>, y, g, gx, count) in
        for i in 0..<count { gx[i] = self.derivative(x[i], y[i]) * g[i] }
      }
    case .float16: try kernel(call, throughFloat(Float16.self, floatLoop))
    case .bfloat16: try kernel(call, throughFloat(BFloat16.self, floatLoop))
    case let type: throw .input(0, "unexpected element type \(type)")
    }
  }

  /// The exact derivative. 16-bit floats do not use the approximations of `vectorisedGradient`.
  @inlinable var floatLoop: GradientLoop<Float> {
    { x, y, g, gx, count in
      for i in 0..<count { gx[i] = self.derivative(x[i], y[i]) * g[i] }
    }
  }

  @usableFromInline func kernel<T>(
    _ call: Preparation, _ loop: @escaping GradientLoop<T>
  ) throws(OperatorError) -> Kernel {
    let tiles = Tiles(try call.inputCount(0), cost: cost)
    // The loop never reads an input that is left out.
    let x = call.inputs.has(1) ? 1 : 0
    let y = call.inputs.has(2) ? 2 : 0
    let tile: Buffers.Tile = { buffers, task, _ in
      let range = tiles[task]
      let start = range.lowerBound
      loop(
        buffers.input(x, as: T.self) + start, buffers.input(y, as: T.self) + start,
        buffers.input(0, as: T.self) + start, buffers.output(0, as: T.self) + start, range.count)
    }
    return .compute { buffers in buffers.parallel(tiles.count, tile) }
  }
}

/// A gradient loop over 16-bit floats that converts blocks of them to `Float` and back.
@inline(never)
public func throughFloat<T: HalfFloat>(
  _ type: T.Type, _ loop: @escaping GradientLoop<Float>
) -> GradientLoop<T> {
  { x, y, g, gx, count in
    T.withBlocks(3) { left in
      let (right, gradient) = (left + T.block, left + 2 * T.block)
      for start in stride(from: 0, to: count, by: T.block) {
        let size = min(T.block, count - start)
        T.widen(x + start, left, size)
        T.widen(y + start, right, size)
        T.widen(g + start, gradient, size)
        loop(left, right, gradient, gradient, size)
        T.narrow(gradient, gx + start, size)
      }
    }
  }
}

/// The gradient loop of a C function that takes `x`, the gradient and the result.
package func inputLoop(
  _ loop:
    @escaping @Sendable (
      UnsafePointer<Float>, UnsafePointer<Float>, UnsafeMutablePointer<Float>, Int
    ) -> Void
) -> GradientLoop<Float> {
  { x, _, g, gx, count in loop(x, g, gx, count) }
}

/// The gradient loop of a C function that takes `y`, the gradient and the result.
package func outputLoop(
  _ loop:
    @escaping @Sendable (
      UnsafePointer<Float>, UnsafePointer<Float>, UnsafeMutablePointer<Float>, Int
    ) -> Void
) -> GradientLoop<Float> {
  { _, y, g, gx, count in loop(y, g, gx, count) }
}
