import Glibc
import ONNX
import ONNXOperators
import Testing

/// Small pseudo-random numbers, the same in every run.
func noise(_ count: Int, seed: UInt64 = 1) -> [Float] {
  var state = seed &* 0x9E37_79B9_7F4A_7C15
  return (0..<count).map { _ in
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Float(Int(state >> 40) - (1 << 23)) / Float(1 << 23)
  }
}

/// 0, 1, 2, …, or counting from another start.
func ramp(_ count: Int, from start: Float = 0) -> [Float] {
  (0..<count).map { Float($0) + start }
}

func float32(_ shape: [Int], _ values: [Float]) -> Tensor { Tensor(shape: shape, values) }

extension Tensor {
  /// The same values in another floating-point type.
  func converted(to type: ElementType) -> Tensor {
    let values = elements(as: Float.self)
    switch type {
    case .float64: return Tensor(shape: shape, values.map(Double.init))
    case .float16: return Tensor(shape: shape, values.map { Float16($0) })
    case .bfloat16: return Tensor(shape: shape, values.map { BFloat16($0) })
    default: return self
    }
  }

  /// The elements of a floating-point tensor.
  var reals: [Double] {
    switch elementType {
    case .float64: Array(elements(as: Double.self))
    case .float16: elements(as: Float16.self).map(Double.init)
    case .bfloat16: elements(as: BFloat16.self).map { Double($0.float) }
    default: elements(as: Float.self).map(Double.init)
    }
  }

  /// Whether shapes are equal and elements differ by at most `tolerance` of the larger of 1 and
  /// the other's.
  func isNear(to other: Tensor?, _ tolerance: Double = 1e-5) -> Bool {
    guard let other, shape == other.shape else { return false }
    return zip(reals, other.reals).allSatisfy { a, b in
      a == b || (a.isNaN && b.isNaN) || abs(a - b) <= tolerance * max(abs(b), 1)
    }
  }
}

/// Output 0 of a node that is prepared without constant inputs.
func evaluateUnknown(_ node: Node, _ tensors: [Tensor], opset: Int = 24) throws -> Tensor {
  try evaluatePrepared(node, tensors, opset: opset)
}

/// Output 0 of a node, computed into memory filled with NaNs.
///
/// - Parameter constants: the inputs that are constant when the node is prepared
func evaluatePrepared(
  _ node: Node, _ tensors: [Tensor?], constants: Set<Int> = [], threads: Int = 2,
  convolution: ConvolutionAlgorithm = .automatic, packed: PackedTensors = PackedTensors(),
  opset: Int = 24
) throws -> Tensor {
  let made = try Registry.standard.make(node, operatorSet: opset).operator
  let inputs = Inputs(
    types: tensors.map { $0.map { .tensor($0.type) } },
    constants: tensors.indices.map { index in
      constants.contains(index) ? tensors[index].map(Value.tensor) : nil
    })
  let type = try made.infer(inputs)[0].tensorType
  let sizes = type?.shape?.sizes ?? []
  let y = try Tensor(uninitialized: type?.elementType ?? .float32, shape: sizes)
  let pool = ThreadPool(threads: threads)
  let kernel = try made.prepare(
    Preparation(
      inputs: inputs, outputs: [type], threads: threads, packed: packed, convolution: convolution))
  guard case .compute(let scratch, let body) = kernel else { return y }
  let fence = 1024
  let memory = try TensorStorage(byteCount: scratch + fence)
  for storage in [memory, y.storage] {
    memset(storage.pointer, 0xFF, storage.byteCount)
  }
  let table: [UnsafeMutableRawPointer?] = (tensors + [y]).map { $0?.storage.pointer }
  let slots = table.indices.map { Int32($0) }
  try table.withUnsafeBufferPointer { table in
    try slots.withUnsafeBufferPointer { slots in
      guard let table = table.baseAddress, let slots = slots.baseAddress else { return }
      try body(
        Buffers(
          table: table, slots: slots, inputCount: tensors.count, scratch: memory.pointer,
          pool: pool))
    }
  }
  let behind = UnsafeRawBufferPointer(start: memory.pointer + scratch, count: fence)
  #expect(behind.allSatisfy { $0 == 0xFF }, "written behind the scratch memory")
  return y
}

/// SplitMix64 (Steele, Lea, Flood 2014).
struct Random: RandomNumberGenerator {
  private var state: UInt64
  init(_ seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
