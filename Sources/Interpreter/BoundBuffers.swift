import ONNXFormat
import ONNXOperators

/// Memory that somebody else owns, for a tensor that the runs of a bound session read or write.
///
/// `@unchecked Sendable`: the owner keeps the memory valid, and leaves it alone during runs.
package struct TensorBuffer: @unchecked Sendable {
  /// The element type.
  package let elementType: ElementType
  /// The size of each dimension.
  package let shape: [Int]
  /// The first element.
  package let start: UnsafeMutableRawPointer
  /// Keeps the memory valid.
  package let owner: AnyObject

  /// Describes the memory of a tensor.
  package init(
    _ elementType: ElementType, _ shape: [Int], _ start: UnsafeMutableRawPointer, owner: AnyObject
  ) {
    self.elementType = elementType
    self.shape = shape
    self.start = start
    self.owner = owner
  }
}

/// The buffers of a bound session. Kernels use them in place where they can; otherwise runs copy.
struct BoundBuffers: Sendable {
  /// Inputs by the number of their value.
  var inputs: [(number: Int32, buffer: TensorBuffer)] = []
  /// Outputs by the number of their value.
  var outputs: [(number: Int32, buffer: TensorBuffer)] = []

  /// Gives inputs and outputs that kernels can use in place their memory.
  func place(in state: RunState) {
    let plan = state.plan
    for (number, buffer) in inputs where buffer.isReadable {
      state.set(number, .tensor(buffer.tensor))
    }
    let given = Set(plan.program.inputs)
    for (number, buffer) in outputs where buffer.isWritable {
      // Views, inputs and constants have memory already.
      guard plan.roots[Int(number)] == number, !given.contains(number),
        plan.constants[Int(number)] == nil
      else { continue }
      state.set(number, .tensor(buffer.tensor))
    }
  }

  /// Copies the inputs that kernels cannot read in place.
  func load(_ state: RunState) {
    for (number, buffer) in inputs {
      guard case .tensor(let tensor)? = state.values[Int(number)],
        tensor.storage.pointer != buffer.start
      else { continue }
      tensor.storage.copyElements(from: buffer.start, buffer.elementType)
    }
  }

  /// Copies the outputs that kernels have written elsewhere.
  func store(_ state: RunState) {
    for (number, buffer) in outputs {
      guard let source = state.address(of: number), source != buffer.start else { continue }
      buffer.start.copyMemory(from: source, byteCount: buffer.byteCount)
    }
  }
}

extension TensorBuffer {
  var byteCount: Int { (shape.elementCount ?? 0) * elementType.stride }

  private var bytes: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: start, count: byteCount)
  }

  fileprivate var isReadable: Bool { !elementType.isChecked && isWritable }

  fileprivate var isWritable: Bool {
    TensorStorage.isReadable(bytes, size: byteCount, elementType)
  }

  /// A tensor over the memory.
  fileprivate var tensor: Tensor {
    let storage = TensorStorage(
      borrowing: bytes, at: start, byteCount: byteCount, isWritable: true
    ) { _ in withExtendedLifetime(self) {} }
    return Tensor(storage, of: elementType, shape: shape)
  }
}

extension Session {
  /// Binds the session to memory of the caller's, which its runs read and write.
  /// - Parameters:
  ///   - inputs: the inputs by name
  ///   - outputs: the names of the outputs that are wanted
  ///   - memory: returns the memory for an output of that name and type
  /// - Throws: `ModelError` for a missing or unknown name, a buffer of another type than its value's,
  ///   and a wanted output whose size does not follow from the inputs' sizes.
  package func bind(
    _ inputs: [String: TensorBuffer], outputs wanted: Set<String>,
    memory: (_ name: String, _ elementType: ElementType, _ shape: [Int]) throws(ModelError) ->
      TensorBuffer
  ) throws(ModelError) -> BoundSession {
    var values: [String: Value] = [:]
    for (name, buffer) in inputs {
      do {
        values[name] = .tensor(
          try Tensor(copying: buffer.start, buffer.elementType, shape: buffer.shape))
      } catch {
        throw .input(name, "\(error)")
      }
    }
    let (program, arguments) = try match(values)
    let plan = try program.plans.plan(for: program, inputs: arguments, engine: engine)
    let names = program.inputs.map { program.names[Int($0)] }
    var buffers = BoundBuffers()
    for (name, number) in zip(names, plan.program.inputs) {
      if let buffer = inputs[name] { buffers.inputs.append((number, buffer)) }
    }
    for (info, number) in zip(self.outputs, plan.program.outputs) where wanted.contains(info.name) {
      guard let type = plan.types[Int(number)], type.elementType != .string else {
        throw .graph(
          "output \(info.name.quoted) has no fixed size, or holds strings: a bound session cannot "
            + "write it to a buffer; run the model instead")
      }
      let buffer = try memory(info.name, type.elementType, type.sizes)
      guard buffer.elementType == type.elementType, buffer.shape == type.sizes else {
        throw .graph(
          "output \(info.name.quoted): expected a buffer of "
            + "\(TensorType(type.elementType, type.sizes)), got "
            + "\(TensorType(buffer.elementType, buffer.shape))")
      }
      buffers.outputs.append((number, buffer))
    }
    return try BoundSession(
      plan, inputNames: names, arguments, outputNames: self.outputs.map(\.name), kept: [],
      buffers: buffers)
  }
}
