import ONNX

/// Numbers that follow from a seed: SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom
/// number generators", 2014).
public struct Noise: RandomNumberGenerator, Sendable {
  private var state: UInt64

  public init(seed: UInt64) { state = seed }

  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// Uniform in [0, 1), in steps of 2⁻²⁴.
  private mutating func uniform() -> Float { Float(next() >> 40) * 0x1p-24 }

  /// A tensor for an input that nobody gave: floating-point numbers uniform in [0, 1], all other
  /// elements zero, `false` or empty.
  /// - Throws: `TensorError`
  public mutating func tensor(
    _ elementType: ElementType, shape: [Int]
  ) throws(TensorError) -> Tensor {
    let tensor = try Tensor(uninitialized: elementType, shape: shape)
    let memory = tensor.storage.pointer
    switch elementType {
    case .float32: fill(memory, tensor.count) { $0 }
    case .float64: fill(memory, tensor.count) { Double($0) }
    case .float16: fill(memory, tensor.count) { Float16($0) }
    case .string: break
    default:
      if let type = elementType.smallFloat {
        fill(memory, tensor.count, type)
      } else {
        memory.initializeMemory(as: UInt8.self, repeating: 0, count: tensor.storage.byteCount)
      }
    }
    return tensor
  }

  private mutating func fill<T: SmallFloat>(
    _ memory: UnsafeMutableRawPointer, _ count: Int, _ type: T.Type
  ) {
    fill(memory, count) { T($0) }
  }

  private mutating func fill<T>(
    _ memory: UnsafeMutableRawPointer, _ count: Int, _ convert: (Float) -> T
  ) {
    let elements = memory.assumingMemoryBound(to: T.self)
    for index in 0..<count { elements[index] = convert(uniform()) }
  }
}
