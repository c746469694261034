import ONNXFormat
import ONNXOperators

/// A tensor filled in order with the numbers that `draw` returns, converted to the element type.
@inline(__always)
func numberTensor(
  _ call: borrowing Call, _ type: ElementType, _ sizes: [Int], _ draw: (_ index: Int) -> Double
) throws(OperatorError) -> Tensor {
  let tensor = try call.allocate(type, sizes)
  let conversion = ElementConversion(from: .float64, to: type)
  guard conversion != nil || type == .float64 else {
    throw .unsupported("random numbers of type \(type)")
  }
  let block = 512
  let base = tensor.storage.pointer
  withUnsafeTemporaryAllocation(of: Double.self, capacity: block) { memory in
    guard let numbers = memory.baseAddress else { return }
    for start in stride(from: 0, to: tensor.count, by: block) {
      let size = min(block, tensor.count - start)
      for i in 0..<size { numbers[i] = draw(start + i) }
      let target = base + start * type.stride
      if let conversion {
        conversion(numbers, target, size)
      } else {
        target.copyMemory(from: numbers, byteCount: size * type.stride)
      }
    }
  }
  return tensor
}

extension Tensor {
  /// The elements converted to `Double`.
  func doubles(_ call: borrowing Call) throws(OperatorError) -> [Double] {
    try call.context.reserve(bytes: count * 8)
    let conversion = ElementConversion(from: elementType, to: .float64)
    guard conversion != nil || elementType == .float64 else {
      throw .invalid("expected a numeric tensor, got \(elementType)")
    }
    return withExtendedLifetime(storage) {
      [Double](unsafeUninitializedCapacity: count) { buffer, initialized in
        initialized = count
        guard let base = buffer.baseAddress else { return }
        if let conversion {
          conversion(storage.pointer, base, count)
        } else {
          UnsafeMutableRawPointer(base).copyMemory(from: storage.pointer, byteCount: count * 8)
        }
      }
    }
  }
}

/// An operator that draws from a distribution of real numbers with two parameters.
protocol RandomOperator: FlatOperator {
  init(_ options: RandomOptions)
  var options: RandomOptions { get }
  /// The names and default values of the two parameters' attributes.
  static var parameters: [(name: String, default: Float)] { get }
  /// Whether the shape is taken from the input instead of an attribute.
  static var takesShapeOfInput: Bool { get }
  func draw(_ generator: inout MersenneTwister) -> Double
}

struct RandomOptions: Sendable {
  let first: Double
  let second: Double
  let seed: RandomSeed
  /// The element type, or `nil` for the type of the input.
  let type: ElementType?
  let sizes: [Int]
}

extension RandomOperator {
  init(_ node: inout NodeReader) throws(OperatorError) {
    let isLike = Self.takesShapeOfInput
    let sizes = isLike ? [] : try node.ints("shape")
    guard sizes.elementCount != nil else {
      throw .attribute("shape", "expected nonnegative sizes with a product below 2⁶³, got \(sizes)")
    }
    let type = try node.optionalElementType("dtype") ?? (isLike ? nil : .float32)
    if let type, !Self.types.contains(type) {
      throw .attribute("dtype", "expected one of \(Self.types), got \(type)")
    }
    let (first, second) = (Self.parameters[0], Self.parameters[1])
    self.init(
      RandomOptions(
        first: Double(try node.float(first.name, default: first.default)),
        second: Double(try node.float(second.name, default: second.default)),
        seed: try RandomSeed(&node), type: type, sizes: sizes))
  }

  private static var types: TypeSet { [.floats, .bfloat16] }

  var isPure: Bool { options.seed.isFixed }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    guard Self.takesShapeOfInput else {
      return [.tensor(options.type ?? .float32, options.sizes)]
    }
    let input = try inputs.tensor(0)
    let type = options.type ?? input.elementType
    guard Self.types.contains(type) else {
      throw .input(0, "expected one of \(Self.types), got \(type): set the attribute dtype")
    }
    return [.tensor(type, input.shape)]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    guard case .tensor(let type)? = try infer(call.inputs).first?.kind,
      let sizes = type.shape?.sizes
    else { throw .input(0, "the shape is not known before the run") }
    return .produce { call throws(OperatorError) in
      var generator = options.seed.generator(call)
      return [
        .tensor(try numberTensor(call, type.elementType, sizes) { _ in draw(&generator) })
      ]
    }
  }
}
