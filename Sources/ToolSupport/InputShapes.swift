import ONNX

/// Sizes for the free dimensions of a model's inputs.
public struct InputShapes {
  private let requested: [String: [Int]]
  /// Sizes of named dimensions that a given input settled.
  private var symbols: [String: Int] = [:]

  /// - Parameter requested: shapes by input name, as the user asked for them
  /// - Throws: `Failure` where one does not fit its input
  public init(_ inputs: [ValueInfo], requested: [String: [Int]]) throws(Failure) {
    self.requested = requested
    for input in inputs {
      guard let sizes = requested[input.name] else { continue }
      guard let type = input.type?.tensorType else {
        throw Failure("--shape: input '\(input.name)' is no tensor")
      }
      if let shape = type.shape {
        let fits =
          shape.rank == sizes.count
          && zip(shape, sizes).allSatisfy { $0.size == nil || $0.size == $1 }
        guard fits else {
          throw Failure("--shape: input '\(input.name)' is \(type), not \(Shape(sizes))")
        }
      }
      settle(type, sizes)
    }
  }

  /// Notes the sizes of an input that is given: equally named dimensions of others follow them.
  public mutating func settle(_ type: TensorType, _ sizes: [Int]) {
    guard let shape = type.shape, shape.rank == sizes.count else { return }
    for (dimension, size) in zip(shape, sizes) {
      if case .symbol(let name) = dimension, symbols[name] == nil { symbols[name] = size }
    }
  }

  /// - Throws: `Failure` where the user asked for other sizes than those an input is given with
  public func check(_ input: ValueInfo, _ sizes: [Int]) throws(Failure) {
    guard let wanted = requested[input.name], wanted != sizes else { return }
    throw Failure(
      "--shape: input '\(input.name)' is given as \(Shape(sizes)), not \(Shape(wanted))")
  }

  /// The size the user asked for along a dimension of an input, or that the model fixes.
  public func known(_ input: ValueInfo, _ axis: Int) -> Int? {
    if let sizes = requested[input.name], axis < sizes.count { return sizes[axis] }
    guard let shape = input.type?.tensorType?.shape, axis < shape.rank else { return nil }
    return shape[axis].size
  }

  /// The sizes of an input: those asked for, those of the model, those settled, else 1.
  public func sizes(of input: ValueInfo) -> [Int] {
    if let sizes = requested[input.name] { return sizes }
    guard let shape = input.type?.tensorType?.shape else { return [] }
    return shape.map { dimension in
      switch dimension {
      case .size(let size): size
      case .symbol(let name): symbols[name] ?? 1
      case .unknown: 1
      }
    }
  }
}

/// Makes values for inputs that nobody gave.
public struct InputFiller {
  private var noise: Noise
  private let memoryLimit: Int
  private var used = 0

  public init(seed: UInt64, memoryLimit: Int) {
    noise = Noise(seed: seed)
    self.memoryLimit = memoryLimit
  }

  /// Floating-point tensors are noise, others 0; sequences and optionals are empty.
  /// - Throws: `Failure` where there is no such value, or no memory for it
  public mutating func value(
    for input: ValueInfo, shapes: InputShapes
  ) throws(Failure) -> Value {
    let place = "input '\(input.name)'"
    switch input.type?.kind {
    case .tensor(let type):
      let sizes = shapes.sizes(of: input)
      guard let count = sizes.elementCount,
        case let (bytes, overflow) = count.multipliedReportingOverflow(by: type.elementType.stride),
        !overflow
      else { throw Failure("\(place): no memory holds \(Shape(sizes))") }
      guard bytes <= memoryLimit - used else {
        throw Failure("\(place): needs \(bytes) bytes of memory, the limit is \(memoryLimit)")
      }
      used += bytes
      do { return .tensor(try noise.tensor(type.elementType, shape: sizes)) } catch {
        throw Failure(place, error)
      }
    case .sequence(let element): return .sequence(SequenceValue([], elementType: element))
    case .optional(let element): return .optional(nil, type: element)
    default: throw Failure("\(place) is \(input.type?.description ?? "of no type"): give it a file")
    }
  }
}
