import COnnxInterface
import ONNX

/// A bound session for C, with the memory that it has allocated.
private final class BoundHandle {
  let bound: BoundSession
  private let session: SessionHandle
  private let tensors: [Tensor]
  let shapes: [UnsafeMutablePointer<Int64>]

  init(_ bound: BoundSession, _ session: SessionHandle, _ tensors: [Tensor]) {
    self.bound = bound
    self.session = session
    self.tensors = tensors
    shapes = tensors.map { copyOfSizes($0.shape) }
  }

  deinit { for shape in shapes { shape.deallocate() } }
}

/// Binds a session to memory; see `onnxc.h`.
@c @implementation
public func onnx_bind(
  _ session: OpaquePointer?, _ inputs: UnsafePointer<onnx_tensor>?, _ inputCount: Int,
  _ outputs: UnsafeMutablePointer<onnx_tensor>?, _ outputCount: Int
) -> OpaquePointer? {
  reportingErrors {
    let session = try object(session, as: SessionHandle.self)
    try checkCount(inputCount, session.inputNames, "inputs")
    try checkCount(outputCount, session.outputNames, "outputs")
    guard outputCount >= 0, let outputs else { throw CallError.null }
    let givenInputs = try list(inputs, inputCount)
    var buffers: [String: TensorBuffer] = [:]
    for (name, tensor) in zip(session.inputNames, givenInputs) {
      guard let start = tensor.data else { continue }
      let (type, shape) = try tensor.type()
      buffers[name] = TensorBuffer(type, shape, start, owner: session)
    }
    var wanted: [String: Int] = [:]
    for index in 0..<outputCount where outputs[index].rank >= 0 {
      wanted[session.outputNames[index]] = index
    }
    var made: [(index: Int, tensor: Tensor)] = []
    let bound = try session.session.bind(buffers, outputs: Set(wanted.keys)) {
      (name, elementType, shape) throws(ModelError) in
      do {
        if let index = wanted[name], let start = outputs[index].data {
          let (type, sizes) = try outputs[index].type()
          return TensorBuffer(type, sizes, start, owner: session)
        }
        let tensor = try Tensor(zeroed: elementType, shape: shape)
        made.append((wanted[name] ?? 0, tensor))
        return TensorBuffer(
          elementType, shape, tensor.storage.pointer, owner: tensor.storage)
      } catch {
        throw ModelError.graph("output '\(name)': \(error)")
      }
    }
    let result = BoundHandle(bound, session, made.map(\.tensor))
    for (place, (index, tensor)) in made.enumerated() {
      outputs[index] = onnx_tensor(
        element_type: tensor.elementType.rawValue, rank: Int32(tensor.shape.count),
        shape: result.shapes[place], data: tensor.storage.pointer)
    }
    return handle(result)
  }
}

/// Runs a bound session; see `onnxc.h`.
@c @implementation
public func onnx_run_bound(_ bound: OpaquePointer?) -> Int32 {
  status { try object(bound, as: BoundHandle.self).bound.run() }
}

/// Frees a bound session; see `onnxc.h`.
@c @implementation
public func onnx_unbind(_ bound: OpaquePointer?) { release(bound) }
