import COnnxInterface
import Glibc
import ONNX
import ONNXImages

/// Reads, checks and optimises a model; see `onnxc.h`.
@c @implementation
public func onnx_load(
  _ model: UnsafeRawPointer?, _ size: Int, _ folder: UnsafePointer<CChar>?, _ threads: Int32
) -> OpaquePointer? {
  reportingErrors { () throws -> OpaquePointer in
    guard threads >= 0 else {
      throw CallError("expected 0 or more threads, got \(threads)")
    }
    Image.registerDecoder()
    var options = SessionOptions()
    options.threads = threads == 0 ? nil : Int(threads)
    options.expansions = [.gradients]
    let model = try Model(
      serialized: bytes(model, size), externalFolder: folder.map { String(cString: $0) })
    let session = try Session(owning: consume model, options: options)
    return OpaquePointer(Unmanaged.passRetained(session).toOpaque())
  }
}

/// Runs the model; see `onnxc.h`.
@c @implementation
public func onnx_run(
  _ session: OpaquePointer?, _ inputs: UnsafePointer<onnx_value>?, _ inputCount: Int,
  _ outputs: UnsafeMutablePointer<UnsafeMutablePointer<onnx_value>?>?,
  _ outputCount: UnsafeMutablePointer<Int>?
) -> Int32 {
  outputs?.pointee = nil
  outputCount?.pointee = 0
  let done: Void? = reportingErrors {
    guard let session, let outputs, let outputCount, inputs != nil || inputCount == 0 else {
      throw CallError("a pointer argument is NULL")
    }
    guard inputCount >= 0 else { throw CallError("the number of inputs does not fit an Int") }
    let object = Unmanaged<Session>.fromOpaque(UnsafeRawPointer(session)).takeUnretainedValue()
    let results = try run(object, UnsafeBufferPointer(start: inputs, count: inputCount))
    outputs.pointee = try results.block()
    outputCount.pointee = results.values.count
  }
  return done == nil ? -1 : 0
}

/// Frees a session; see `onnxc.h`.
@c @implementation
public func onnx_free(_ session: OpaquePointer?) {
  guard let session else { return }
  Unmanaged<Session>.fromOpaque(UnsafeRawPointer(session)).release()
}

/// Frees the outputs of a run; see `onnxc.h`.
@c @implementation
public func onnx_free_values(_ values: UnsafeMutablePointer<onnx_value>?) { free(values) }

/// An invalid argument of a C function.
private struct CallError: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

/// The result of `body`; `nil` where it throws, and its error is then the thread's last error.
private func reportingErrors<R>(_ body: () throws -> R) -> R? {
  do {
    let result = try body()
    onnxc_set_last_error("")
    return result
  } catch {
    onnxc_set_last_error("\(error)")
    return nil
  }
}

private func bytes(_ start: UnsafeRawPointer?, _ count: Int) throws -> [UInt8] {
  guard count >= 0, start != nil || count == 0 else {
    throw CallError("a pointer argument is NULL")
  }
  return Array(UnsafeRawBufferPointer(start: start, count: count))
}

private func run(
  _ session: Session, _ inputs: UnsafeBufferPointer<onnx_value>
) throws -> SerializedValues {
  var values: [String: Value] = [:]
  for input in inputs {
    guard let name = input.name.map({ String(cString: $0) }) else {
      throw CallError("the name of an input is NULL")
    }
    do {
      let value = try value(of: input)
      guard values.updateValue(value, forKey: name) == nil else {
        throw CallError("the call passes this input twice")
      }
    } catch {
      throw ModelError.input(name, "\(error)")
    }
  }
  let results = try session.run(values: values)
  var serialized = SerializedValues()
  for output in session.outputs {
    guard let value = results[output.name] else {
      throw CallError("the run made no output '\(output.name)'")
    }
    try serialized.append(value, name: output.name)
  }
  return serialized
}

private func value(of input: onnx_value) throws -> Value {
  let bytes = try bytes(input.data, input.size)
  switch Int(input.kind) {
  case Int(ONNX_TENSOR): return try Value(serialized: bytes, as: .tensor)
  case Int(ONNX_SPARSE_TENSOR): return try Value(serialized: bytes, as: .sparseTensor)
  case Int(ONNX_MAP): return try Value(serialized: bytes, as: .map)
  // An empty message has no bytes.
  case Int(ONNX_SEQUENCE):
    return bytes.isEmpty
      ? .sequence(SequenceValue([])) : try Value(serialized: bytes, as: .sequence)
  case Int(ONNX_OPTIONAL):
    return bytes.isEmpty ? .optional(nil, type: nil) : try Value(serialized: bytes, as: .optional)
  default: throw CallError("\(input.kind) is not the kind of a value; the kinds are 1 to 5")
  }
}
