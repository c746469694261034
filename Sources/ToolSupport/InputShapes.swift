import ONNXFormat
import ONNXSupport

/// The shapes of a model's inputs, with sizes chosen for their dynamic dimensions.
package struct InputShapes {
  private let requested: [String: [Int]]
  /// Sizes of named dimensions, known from inputs that were given.
  private var symbols: [String: Int] = [:]

  /// - Parameter requested: the shapes that the user asked for, by input name
  /// - Throws: `Failure` for a shape that does not match its input
  package init(_ inputs: [ValueInfo], requested: [String: [Int]]) throws(Failure) {
    self.requested = requested
    for input in inputs {
      guard let sizes = requested[input.name] else { continue }
      guard let type = input.type?.tensorType else {
        throw Failure("--shape: input '\(input.name)' is not a tensor")
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

  /// Records the sizes of an input that is given: dimensions of the same name get the same size.
  package mutating func settle(_ type: TensorType, _ sizes: [Int]) {
    guard let shape = type.shape, shape.rank == sizes.count else { return }
    for (dimension, size) in zip(shape, sizes) {
      if case .symbol(let name) = dimension, symbols[name] == nil { symbols[name] = size }
    }
  }

  /// Checks the shape of a given input against the one that the user asked for.
  /// - Throws: `Failure` if they differ
  package func check(_ input: ValueInfo, _ sizes: [Int]) throws(Failure) {
    guard let wanted = requested[input.name], wanted != sizes else { return }
    throw Failure(
      "--shape: input '\(input.name)' has shape \(Shape(sizes)), not \(Shape(wanted))")
  }

  /// The size of an input's dimension that the user asked for or the model fixes; `nil` for a
  /// dynamic one.
  package func known(_ input: ValueInfo, _ axis: Int) -> Int? {
    if let sizes = requested[input.name], axis < sizes.count { return sizes[axis] }
    guard let shape = input.type?.tensorType?.shape, axis < shape.rank else { return nil }
    return shape[axis].size
  }

  /// The shape of an input: as the user asked for it, or as the model declares it, its named
  /// dimensions as other inputs set them and 1 elsewhere.
  package func sizes(of input: ValueInfo) -> [Int] {
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

/// Makes values for inputs that were not given.
package struct InputFiller {
  private var random: RandomStream
  private let memoryLimit: Int
  private var used = 0

  package init(seed: UInt64, memoryLimit: Int) {
    random = RandomStream(seed: seed)
    self.memoryLimit = memoryLimit
  }

  /// A value for an input: random numbers for a floating-point tensor, zeros for another, an empty
  /// sequence or optional.
  /// - Throws: `Failure` for an input of another kind, or one beyond the memory limit
  package mutating func value(
    for input: ValueInfo, shapes: InputShapes
  ) throws(Failure) -> Value {
    let place = "input '\(input.name)'"
    switch input.type?.kind {
    case .tensor(let type):
      let sizes = shapes.sizes(of: input)
      guard let count = sizes.elementCount,
        case let (bytes, overflow) = count.multipliedReportingOverflow(by: type.elementType.stride),
        !overflow
      else { throw Failure("\(place): not enough memory for \(Shape(sizes))") }
      guard bytes <= memoryLimit - used else {
        throw Failure("\(place) needs \(bytes) bytes of memory, the limit is \(memoryLimit)")
      }
      used += bytes
      do { return .tensor(try random.tensor(type.elementType, shape: sizes)) } catch {
        throw Failure(place, error)
      }
    case .sequence(let element): return .sequence(SequenceValue([], elementType: element))
    case .optional(let element): return .optional(nil, type: element)
    default:
      throw Failure(
        "\(place) is \(input.type?.description ?? "of unknown type") and cannot be filled: "
          + "pass a file with --input")
    }
  }
}
