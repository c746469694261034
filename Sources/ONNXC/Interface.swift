import COnnxInterface
import Glibc
import ONNX
import ONNXImages

@c @implementation
public func onnx_load(
  _ model: UnsafeRawPointer?, _ size: Int, _ folder: UnsafePointer<CChar>?, _ threads: Int32
) -> OpaquePointer? {
  reportingErrors { () throws -> OpaquePointer in
    guard threads >= 0 else { throw CallError("\(threads) threads cannot compute") }
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
      throw CallError("a pointer is NULL")
    }
    guard inputCount >= 0 else { throw CallError("too many inputs") }
    let object = Unmanaged<Session>.fromOpaque(UnsafeRawPointer(session)).takeUnretainedValue()
    let results = try run(object, UnsafeBufferPointer(start: inputs, count: inputCount))
    outputs.pointee = try results.block()
    outputCount.pointee = results.values.count
  }
  return done == nil ? -1 : 0
}

@c @implementation
public func onnx_free(_ session: OpaquePointer?) {
  guard let session else { return }
  Unmanaged<Session>.fromOpaque(UnsafeRawPointer(session)).release()
}

@c @implementation
public func onnx_free_values(_ values: UnsafeMutablePointer<onnx_value>?) { free(values) }

/// A call that no model has to do with.
private struct CallError: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

/// What `body` returns; `nil` where it throws, and what it threw is the thread's last error.
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
  guard count >= 0, start != nil || count == 0 else { throw CallError("a pointer is NULL") }
  return Array(UnsafeRawBufferPointer(start: start, count: count))
}

private func run(
  _ session: Session, _ inputs: UnsafeBufferPointer<onnx_value>
) throws -> SerializedValues {
  var values: [String: Value] = [:]
  for input in inputs {
    guard let name = input.name.map({ String(cString: $0) }) else {
      throw CallError("an input has no name")
    }
    do {
      let value = try value(of: input)
      guard values.updateValue(value, forKey: name) == nil else {
        throw CallError("it is given twice")
      }
    } catch {
      throw ModelError.input(name, "\(error)")
    }
  }
  let results = try session.run(values: values)
  var serialized = SerializedValues()
  for output in session.outputs {
    guard let value = results[output.name] else {
      throw CallError("the run gave no '\(output.name)'")
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
  // No bytes at all are a message without fields.
  case Int(ONNX_SEQUENCE):
    return bytes.isEmpty
      ? .sequence(SequenceValue([])) : try Value(serialized: bytes, as: .sequence)
  case Int(ONNX_OPTIONAL):
    return bytes.isEmpty ? .optional(nil, type: nil) : try Value(serialized: bytes, as: .optional)
  default: throw CallError("there is no kind \(input.kind) of value")
  }
}
