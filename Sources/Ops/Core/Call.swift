import ONNXFormat

/// One run of a `.compute` kernel: where its inputs and outputs lie.
public struct Buffers: @unchecked Sendable {
  @usableFromInline package let table: UnsafePointer<UnsafeMutableRawPointer?>
  @usableFromInline package let slots: UnsafePointer<Int32>
  @usableFromInline package let inputCount: Int
  /// As many bytes as the kernel asked for.
  public let scratch: UnsafeMutableRawPointer
  // Whoever makes the call keeps it alive.
  @usableFromInline unowned(unsafe) let owner: ThreadPool
  @inlinable public var pool: ThreadPool { owner }

  /// - Parameters:
  ///   - table: the address of every value of the run
  ///   - slots: places in `table` of the inputs, then the outputs; negative for one left out
  @inlinable public init(
    table: UnsafePointer<UnsafeMutableRawPointer?>, slots: UnsafePointer<Int32>, inputCount: Int,
    scratch: UnsafeMutableRawPointer, pool: ThreadPool
  ) {
    self.table = table
    self.slots = slots
    self.inputCount = inputCount
    self.scratch = scratch
    self.owner = pool
  }

  /// The elements of an input that is given.
  @inlinable public func input<T>(_ index: Int, as type: T.Type = T.self) -> UnsafePointer<T> {
    UnsafePointer(address(index).assumingMemoryBound(to: T.self))
  }

  /// The elements of an output that `Preparation.wants` affirmed.
  @inlinable public func output<T>(
    _ index: Int, as type: T.Type = T.self
  ) -> UnsafeMutablePointer<T> {
    address(inputCount + index).assumingMemoryBound(to: T.self)
  }

  @inlinable package func address(_ index: Int) -> UnsafeMutableRawPointer {
    let slot = Int(slots[index])
    guard slot >= 0, let address = table[slot] else {
      preconditionFailure("a kernel asked for a value that is left out")
    }
    return address
  }
}

/// One run of a `.produce` kernel.
public struct Call: ~Copyable {
  /// `nil` for an input that is left out.
  public let inputs: [Value?]
  public let pool: ThreadPool
  public let context: any RunContext
  /// Values of the graphs around the node's subgraphs, for their runner.
  public let captures: [Value?]

  public init(
    inputs: [Value?], captures: [Value?] = [], pool: ThreadPool, context: any RunContext
  ) {
    self.inputs = inputs
    self.captures = captures
    self.pool = pool
    self.context = context
  }

  /// Whether the input is given.
  public func has(_ index: Int) -> Bool { index < inputs.count && inputs[index] != nil }

  /// An input that must be given.
  public func value(_ index: Int) throws(OperatorError) -> Value {
    guard index < inputs.count, let value = inputs[index] else {
      throw .input(index, "is missing")
    }
    return value
  }

  /// An input that must be a tensor.
  public func tensor(_ index: Int) throws(OperatorError) -> Tensor {
    let value = try value(index)
    guard case .tensor(let tensor) = value else {
      throw .input(index, "expected a tensor, got \(value.type)")
    }
    return tensor
  }

  /// A tensor for a result, its elements uninitialised (strings empty).
  /// - Throws: `OperatorError.memory` where the run's limit does not allow it.
  public func allocate(_ type: ElementType, _ shape: [Int]) throws(OperatorError) -> Tensor {
    guard let count = shape.elementCount else { throw .invalid("no tensor has shape \(shape)") }
    let (bytes, overflow) = count.multipliedReportingOverflow(by: type.stride)
    try context.reserve(bytes: overflow ? Int.max : bytes)
    do { return try Tensor(uninitialized: type, shape: shape) } catch {
      throw OperatorError(error)
    }
  }
}

/// What a run offers to every kernel that asks: its limits and its source of randomness.
public protocol RunContext: AnyObject, Sendable {
  /// Counts memory that a kernel is about to allocate.
  /// - Throws: `OperatorError.memory` where the run would exceed its limit.
  func reserve(bytes: Int) throws(OperatorError)
  /// Counts one trip of a loop whose end the data decides.
  /// - Throws: `OperatorError.invalid` past the limit.
  func countTrip() throws(OperatorError)
  /// A seed for one random operator without its own, different at each call.
  func nextSeed() -> UInt64
}
