import ONNXFormat

/// The inputs, outputs and working memory of one run of a `.compute` kernel.
///
/// The memory is valid until the kernel returns. Elements are in row-major order, without gaps. Inputs
/// must not be changed, and tasks on different threads must write different elements of outputs.
public struct Buffers: @unchecked Sendable {
  @usableFromInline package let table: UnsafePointer<UnsafeMutableRawPointer?>
  @usableFromInline package let slots: UnsafePointer<Int32>
  @usableFromInline package let inputCount: Int
  /// The working memory that the kernel asked for, 64-byte aligned and uninitialised.
  public let scratch: UnsafeMutableRawPointer
  // The caller keeps the pool alive.
  @usableFromInline unowned(unsafe) let owner: ThreadPool
  /// The threads to run tasks on; see `parallel(_:_:)`.
  @inlinable public var pool: ThreadPool { owner }

  /// The memory of one run, which the caller keeps alive.
  ///
  /// - Parameters:
  ///   - table: the addresses of all values of the run
  ///   - slots: the indices in `table` of the inputs, then of the outputs; negative for one left out
  ///   - inputCount: the number of inputs
  ///   - scratch: the working memory that the kernel asked for, 64-byte aligned
  ///   - pool: the threads to run tasks on
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

  /// The elements of an input that is given. `T` must be the type of its elements.
  @inlinable public func input<T>(_ index: Int, as type: T.Type = T.self) -> UnsafePointer<T> {
    UnsafePointer(address(index).assumingMemoryBound(to: T.self))
  }

  /// The elements of an output that is wanted (`Preparation.wants`), uninitialised. `T` must be the type
  /// of its elements.
  @inlinable public func output<T>(
    _ index: Int, as type: T.Type = T.self
  ) -> UnsafeMutablePointer<T> {
    address(inputCount + index).assumingMemoryBound(to: T.self)
  }

  @inlinable package func address(_ index: Int) -> UnsafeMutableRawPointer {
    let slot = Int(slots[index])
    guard slot >= 0, let address = table[slot] else {
      preconditionFailure("a kernel read or wrote a value that is left out")
    }
    return address
  }
}

/// The inputs of one run of a `.produce` kernel, which allocates its outputs.
public struct Call: ~Copyable {
  /// The inputs; `nil` for an input that is left out.
  public let inputs: [Value?]
  /// The threads to run tasks on.
  public let pool: ThreadPool
  /// The limits and random seeds of the run.
  public let context: any RunContext
  /// Values of outer graphs that the subgraphs of the node use, for their runner.
  public let captures: [Value?]

  /// One run on these inputs.
  public init(
    inputs: [Value?], captures: [Value?] = [], pool: ThreadPool, context: any RunContext
  ) {
    self.inputs = inputs
    self.captures = captures
    self.pool = pool
    self.context = context
  }

  /// Whether an input is given.
  public func has(_ index: Int) -> Bool { index < inputs.count && inputs[index] != nil }

  /// An input.
  /// - Throws: `OperatorError.input` if it is left out
  public func value(_ index: Int) throws(OperatorError) -> Value {
    guard index < inputs.count, let value = inputs[index] else {
      throw .input(index, "is missing")
    }
    return value
  }

  /// A tensor input.
  /// - Throws: `OperatorError.input` if it is left out or not a tensor
  public func tensor(_ index: Int) throws(OperatorError) -> Tensor {
    let value = try value(index)
    guard case .tensor(let tensor) = value else {
      throw .input(index, "expected a tensor, got \(value.type)")
    }
    return tensor
  }

  /// Allocates a tensor for a result. Its elements are uninitialised; strings are empty.
  /// - Throws: `OperatorError.memory` if it would exceed the memory limit of the run
  public func allocate(_ type: ElementType, _ shape: [Int]) throws(OperatorError) -> Tensor {
    guard let count = shape.elementCount else { throw .invalid("no tensor has shape \(shape)") }
    let (bytes, overflow) = count.multipliedReportingOverflow(by: type.stride)
    try context.reserve(bytes: overflow ? Int.max : bytes)
    do { return try Tensor(uninitialized: type, shape: shape) } catch {
      throw OperatorError(error)
    }
  }
}

/// The limits and random seeds of a run, which all of its kernels share.
public protocol RunContext: AnyObject, Sendable {
  /// Counts memory that a kernel is about to allocate.
  /// - Throws: `OperatorError.memory` if the run would exceed its limit
  func reserve(bytes: Int) throws(OperatorError)
  /// Counts one iteration of a loop whose number of iterations depends on the data.
  /// - Throws: `OperatorError.invalid` beyond the limit
  func countTrip() throws(OperatorError)
  /// A seed for a random operator without a `seed` attribute, different at each call.
  func nextSeed() -> UInt64
}
