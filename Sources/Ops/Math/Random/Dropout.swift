import CKernels
import ONNXFormat
import ONNXOperators

/// In training mode each element is 0 with probability `ratio` and `x / (1 − ratio)` otherwise; in
/// inference mode `y = x`. Output 1 is the mask of elements that are kept.
///
/// Since operator set 12 the ratio and the training mode are inputs 1 and 2. Versions 7 and 10 are
/// always in inference mode, and earlier ones in training mode unless `is_test` is set. Before
/// operator set 10 the mask has the element type of `x`.
struct Dropout: Operator {
  static let schema = Schema(
    "Dropout",
    [
      1: .floats, 6: .floats, 7: .floats, 10: .floats, 12: .floats, 13: [.floats, .bfloat16],
      22: [.floats, .bfloat16, .float8s],
    ], inputs: 1...3, outputs: 1...2)
  let ratio: Float
  private let seed: RandomSeed
  let version: Int
  let isTest: Bool
  let hasTrainingInput: Bool

  init(_ node: inout NodeReader) throws(OperatorError) {
    version = node.version
    try node.skipConsumedInputs()
    ratio = version < 12 ? try node.float("ratio", default: 0.5) : 0.5
    isTest = version < 7 ? try node.flag("is_test") : true
    hasTrainingInput = node.inputCount == 3 && !node.node.inputs[2].isEmpty
    guard version >= 12 || node.inputCount == 1 else {
      throw .invalid("expected 1 input, got \(node.inputCount)")
    }
    guard version >= 12, let seed = try node.optionalInt("seed") else {
      self.seed = .fromRun
      return
    }
    self.seed = .fixed(UInt32(truncatingIfNeeded: seed))
  }

  var isPure: Bool { seed.isFixed || isTest && !hasTrainingInput }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let data = try inputs.tensor(0)
    for index in 1...2 where inputs.has(index) {
      let types: TypeSet = index == 1 ? [.floats, .bfloat16, .float8s] : .bool
      guard let shape = try inputs.tensor(index, types).shape else { continue }
      guard shape.allSatisfy({ ($0.size ?? 1) == 1 }) else {
        throw .input(index, "expected a scalar, got shape \(shape)")
      }
    }
    return [.tensor(data), .tensor(version < 10 ? data.elementType : .bool, data.shape)]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    if hasTrainingInput {
      let known = call.inputs.constant(2).map { $0.bits(as: UInt8.self)[0] != 0 }
      return known == false ? try identity(call) : training
    }
    return isTest ? try identity(call) : training
  }

  /// The kernel for inference mode: copies the elements and fills the mask with ones.
  private func identity(_ call: Preparation) throws(OperatorError) -> Kernel {
    guard call.wants(1) else { return .view(of: 0) }
    let count = try call.inputCount(0)
    let bytes = try count * call.elementType(0).stride
    let wantsData = call.wants(0)
    let maskType = version < 10 ? try call.elementType(0) : .bool
    return .compute { buffers in
      if wantsData {
        buffers.output(0).update(from: buffers.input(0, as: UInt8.self), count: bytes)
      }
      fill(buffers.output(1, as: UInt8.self), maskType, count)
    }
  }

  private func fill(_ mask: UnsafeMutablePointer<UInt8>, _ type: ElementType, _ count: Int) {
    var one: UInt8 = 1
    guard let conversion = ElementConversion(from: .bool, to: type) else {
      return mask.update(repeating: 1, count: count)
    }
    guard count > 0 else { return }
    conversion(&one, mask, 1)
    // Double the filled part until the mask is full.
    var filled = type.stride
    let bytes = count * type.stride
    while filled < bytes {
      let next = min(filled, bytes - filled)
      (mask + filled).update(from: mask, count: next)
      filled += next
    }
  }

  private var training: Kernel {
    .produce { call throws(OperatorError) in
      let input = try call.tensor(0)
      var probability = Double(ratio)
      if call.has(1) {
        probability = try call.tensor(1).doubles(call)[0]
      }
      guard probability >= 0, probability < 1 else {
        throw .invalid("expected a ratio in 0..<1, got \(probability)")
      }
      let isTraining =
        call.has(2) ? try call.tensor(2).bits(as: UInt8.self)[0] != 0 : !isTest
      let maskType = version < 10 ? input.elementType : .bool
      if !isTraining || probability == 0 {
        let mask = try call.allocate(maskType, input.shape)
        fill(mask.storage.pointer.assumingMemoryBound(to: UInt8.self), maskType, input.count)
        return [.tensor(input), .tensor(mask)]
      }
      if !seed.isFixed, input.elementType == .float32, maskType == .bool {
        return try fast(input, DropoutMask(seed: call.context.nextSeed(), ratio: probability), call)
      }
      var generator = seed.generator(call)
      let mask = try numberTensor(call, maskType, input.shape) { _ in
        generator.uniform() >= probability ? 1 : 0
      }
      let data = try input.doubles(call)
      let stays = try mask.doubles(call)
      let scale = 1 / (1 - probability)
      let output = try numberTensor(call, input.elementType, input.shape) { index in
        data[index] * stays[index] * scale
      }
      return [.tensor(output), .tensor(mask)]
    }
  }

  /// Dropout of float32 elements without a fixed seed, whose mask need not match the standard's
  /// reference.
  private func fast(
    _ input: Tensor, _ mask: DropoutMask, _ call: borrowing Call
  ) throws(OperatorError) -> [Value?] {
    let output = try call.allocate(.float32, input.shape)
    let stays = try call.allocate(.bool, input.shape)
    let scale = Float(1 / (1 - mask.ratio))
    let tiles = Tiles(input.count)
    call.pool.parallel(tiles.count) { task in
      let range = tiles[task]
      let place = stays.storage.pointer.assumingMemoryBound(to: UInt8.self) + range.lowerBound
      mask.fill(place, block: task, count: range.count)
      ck_dropout_apply(
        input.storage.floats + range.lowerBound, place, output.storage.floats + range.lowerBound,
        range.count, scale)
    }
    return [.tensor(output), .tensor(stays)]
  }
}

extension Dropout {
  static var versionSteps: [VersionStep] {
    [
      // Before operator set 7 training mode is the default; from 7 to 11 there is only inference.
      VersionStep(
        7,
        up: { change throws(OperatorError) in
          guard try change.int("is_test") == 1 else {
            throw .attribute("is_test", "expected 1: the target version has no training mode")
          }
          change.drop("is_test")
        },
        down: { change throws(OperatorError) in change.set(.int("is_test", 1)) }),
      // Before operator set 10 the mask has the data's type.
      VersionStep(
        10,
        up: { change throws(OperatorError) in
          guard change.hasOutput(1) else { return }
          let type = try change.elementType(0)
          change.follow(
            1, "Cast", [], [.int("to", Int(type.rawValue))],
            type: TensorType(.bool, change.tensorType(0)?.shape))
        },
        down: { change throws(OperatorError) in
          guard change.hasOutput(1) else { return }
          change.follow(
            1, "Cast", [], [.int("to", Int(ElementType.bool.rawValue))],
            type: change.tensorType(0))
        }),
      VersionStep(
        12,
        up: { change throws(OperatorError) in
          guard let ratio = try change.float("ratio") else { return }
          change.setInput(1, change.constant(Tensor(ratio), "ratio"))
          change.drop("ratio")
        },
        down: { change throws(OperatorError) in
          if change.has(2) {
            guard let mode = change.constant(2), mode.elementType == .bool,
              mode.bits(as: UInt8.self).first == 0
            else {
              throw .input(2, "expected constant false: the target version has no training mode")
            }
          }
          if let ratio = change.constant(1) != nil ? try change.floats(1).first : nil {
            change.set(.float("ratio", ratio))
          }
          change.drop("seed")
          change.node.inputs = Array(change.node.inputs.prefix(1))
        }),
    ]
  }
}

extension Dropout {
  static func isIdentity(_ node: Node, input: ValueType?, output: ValueType?) -> Bool {
    node.inputs.count < 3 && node.integer("is_test") ?? 1 == 1
  }
}

extension Dropout {
  static func exactInputs(_ node: Node) -> [Int] { [1] }
}

extension Dropout {
  func steps(_ site: StepSite) throws(OperatorError) -> StepRelation {
    let isPlain = isTest && (!hasTrainingInput || site.inputs.constant(2) == Tensor(false))
    return isPlain ? site.broadcast : .wholeSequence
  }
}
