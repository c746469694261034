import CKernels
import ONNXFormat
import ONNXOperators

extension Dropout: ModalOperator, DifferentiableOperator {
  /// The node in training mode, as version 13 or later, with the ratio as an input.
  func trainingMode(
    _ node: Node, _ builder: inout GraphBuilder
  ) throws(OperatorError) -> TrainingMode {
    if version < 10, node.outputs.count > 1, !node.outputs[1].isEmpty {
      throw .unsupported(
        "training with a dropout mask of the input's type, as before operator set 10")
    }
    var result = node
    let ratio =
      version < 12 ? builder.scalar(Double(ratio), .float32) : node.inputs.dropFirst().first ?? ""
    let isTraining = builder.constant(Tensor(shape: [], [true]), hint: "training")
    result.inputs = [node.inputs[0], ratio, isTraining]
    result.attributes = node.attributes.filter { $0.name == "seed" && version >= 12 }
    result.operatorSetVersion = max(version, 13)
    return TrainingMode(result)
  }

  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    guard let gradient = backward.gradient() else { return }
    let isTrainingKnown = backward.constant(2).map { $0.bits(as: UInt8.self).first != 0 }
    if hasTrainingInput ? isTrainingKnown == false : isTest { return backward.set(0, gradient) }
    var mask = backward.output(1)
    if version < 10 { mask = backward.builder.cast(mask, to: .bool) }
    let ratio =
      version < 12
      ? backward.builder.scalar(Double(ratio), .float32) : backward.input(1)
    backward.set(
      0,
      backward.builder.privateNode(
        DropoutGrad.schema.name, [gradient, mask, ratio, backward.input(2)],
        hint: "\(backward.input(0))_grad"))
  }
}

/// The gradient of `Dropout`: `g / (1 − ratio)` where the mask is true, else 0.
///
/// Inputs: g, the mask, the ratio (default 0.5) and the training mode (default true). Outside of
/// training mode the result is g.
struct DropoutGrad: Operator {
  static let schema = Schema(
    "DropoutGrad", domain: "swift.onnx", [1: [.floats, .bfloat16]], inputs: 2...4)

  init(_ node: inout NodeReader) throws(OperatorError) {}

  var overwritableInputs: [Int] { [0] }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let gradient = try inputs.tensor(0)
    try inputs.check(1, isLike: gradient.shape, type: .bool)
    for index in 2...3 where inputs.has(index) {
      let types: TypeSet = index == 2 ? [.floats, .bfloat16] : .bool
      guard let shape = try inputs.tensor(index, types).shape else { continue }
      guard shape.allSatisfy({ ($0.size ?? 1) == 1 }) else {
        throw .input(index, "expected a scalar, got shape \(shape)")
      }
    }
    return [.tensor(gradient)]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    switch try call.elementType(0) {
    case .float32: try kernel(call) { ck_dropout_apply($0, $1, $2, $3, $4) }
    case .float64: try kernel(call, loop(Double.self))
    case .float16: try kernel(call, loop(Float16.self))
    case .bfloat16: try kernel(call, loop(BFloat16.self))
    case let type: throw .input(0, "unexpected element type \(type)")
    }
  }

  private func loop<T: RealElement>(_ type: T.Type) -> DropoutLoop<T> {
    { x, mask, y, count, scale in
      for i in 0..<count { y[i] = T(compute: mask[i] != 0 ? x[i].compute * scale : 0) }
    }
  }

  private func kernel<T: RealElement>(
    _ call: Preparation, _ loop: @escaping DropoutLoop<T>
  ) throws(OperatorError) -> Kernel {
    let tiles = Tiles(try call.inputCount(0))
    let ratioType = call.inputs.has(2) ? try call.elementType(2) : nil
    let hasMode = call.inputs.has(3)
    let tile: Buffers.Tile = { buffers, task, _ in
      let range = tiles[task]
      let start = range.lowerBound
      let ratio = ratioType?.dispatchReal(to: RatioReader(), buffers) ?? 0.5
      let isTraining = !hasMode || buffers.input(3, as: UInt8.self)[0] != 0
      let g = buffers.input(0, as: T.self) + start
      let y = buffers.output(0, as: T.self) + start
      if isTraining {
        let scale = T.Compute(1 / (1 - ratio))
        loop(g, buffers.input(1, as: UInt8.self) + start, y, range.count, scale)
      } else if UnsafePointer(y) != g {
        y.update(from: g, count: range.count)
      }
    }
    return .compute { buffers in buffers.parallel(tiles.count, tile) }
  }

}

/// The ratio, input 2, as `Double`.
private struct RatioReader: RealVisitor {
  func visit<T: RealElement>(_ type: T.Type, _ buffers: Buffers) -> Double {
    Double(buffers.input(2, as: T.self)[0].compute)
  }
}

/// `y[i] = mask[i] ? scale · x[i] : 0` for `count` elements.
typealias DropoutLoop<T: RealElement> =
  @Sendable (
    _ x: UnsafePointer<T>, _ mask: UnsafePointer<UInt8>, _ y: UnsafeMutablePointer<T>,
    _ count: Int, _ scale: T.Compute
  ) -> Void

/// A random mask, generated in blocks that depend only on the seed and the block's index.
struct DropoutMask: Sendable {
  let seed: UInt64
  let ratio: Double
  /// The number of the 2³² hashes that drop an element.
  private let threshold: UInt32

  /// - Parameter ratio: The probability of dropping an element, in `0..<1`.
  init(seed: UInt64, ratio: Double) {
    self.seed = seed
    self.ratio = ratio
    threshold = UInt32(min((ratio * 4_294_967_296).rounded(), 4_294_967_295))
  }

  func fill(_ mask: UnsafeMutablePointer<UInt8>, block: Int, count: Int) {
    let key = RandomSeed.mix(seed &+ RandomSeed.mix(UInt64(block)))
    ck_dropout_mask(
      mask, count, UInt32(truncatingIfNeeded: key), UInt32(truncatingIfNeeded: key >> 32),
      threshold)
  }
}
