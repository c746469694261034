import COnnxInterface
import ONNX

/// An invalid argument of a C function.
struct CallError: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
  static let null = CallError("a pointer argument is NULL")
}

/// The result of `body`; `nil` where it throws, and its error is then the thread's last error.
/// - Parameter isLoading: whether errors of nodes mean that the model is wrong
func reportingErrors<R>(isLoading: Bool = false, _ body: () throws -> R) -> R? {
  do {
    let result = try body()
    onnxc_set_last_error(Int32(ONNX_OK), "")
    return result
  } catch {
    onnxc_set_last_error(Int32(kind(of: error, isLoading)), "\(error)")
    return nil
  }
}

/// 0; −1 where `body` throws.
func status(_ body: () throws -> Void) -> Int32 { reportingErrors(body) == nil ? -1 : 0 }

private func kind(of error: any Error, _ isLoading: Bool) -> Int {
  switch error {
  case let error as ModelError: kind(of: error, isLoading)
  case let error as FormatError: kind(of: error)
  case TensorError.outOfMemory: ONNX_OUT_OF_MEMORY
  case is TensorError, is CallError: ONNX_INVALID_ARGUMENT
  case let error as TrainingError:
    switch error {
    case .interpreter(let error): kind(of: error, isLoading)
    case .file(let error): kind(of: error)
    case .model, .label, .checkpoint: ONNX_INVALID_ARGUMENT
    case .notFinite, .rank: ONNX_FAILED
    }
  default: ONNX_FAILED
  }
}

private func kind(of error: ModelError, _ isLoading: Bool) -> Int {
  switch error {
  case .file(let error): kind(of: error)
  case .node(_, _, .unknownOperator), .node(_, _, .unsupported), .unknownOperators:
    ONNX_NOT_IMPLEMENTED
  case .node(_, _, .memory), .memory: ONNX_OUT_OF_MEMORY
  case .node, .graph: isLoading ? ONNX_INVALID_MODEL : ONNX_FAILED
  case .input, .unknownName, .missingInput, .inputCount, .outputCount: ONNX_INVALID_ARGUMENT
  case .deadline, .cancelled: ONNX_FAILED
  case .busy: ONNX_BUSY
  }
}

private func kind(of error: FormatError) -> Int {
  switch error.reason {
  case .system, .notAFile: ONNX_NO_FILE
  case .malformed, .invalid, .limit: ONNX_INVALID_MODEL
  case .unsupported: ONNX_NOT_IMPLEMENTED
  case .outOfMemory: ONNX_OUT_OF_MEMORY
  }
}

/// A pointer for C that holds a reference to an object.
func handle(_ object: AnyObject) -> OpaquePointer {
  OpaquePointer(Unmanaged.passRetained(object).toOpaque())
}

/// The object behind a pointer of `handle`.
func object<T: AnyObject>(_ handle: OpaquePointer?, as type: T.Type = T.self) throws -> T {
  guard let handle else { throw CallError.null }
  return Unmanaged<T>.fromOpaque(UnsafeRawPointer(handle)).takeUnretainedValue()
}

/// Drops the reference of a pointer of `handle`.
func release(_ handle: OpaquePointer?) {
  guard let handle else { return }
  Unmanaged<AnyObject>.fromOpaque(UnsafeRawPointer(handle)).release()
}

/// The text at a pointer.
func text(_ pointer: UnsafePointer<CChar>?) throws -> String {
  guard let pointer else { throw CallError.null }
  return String(cString: pointer)
}

/// A copy of `count` bytes.
func bytes(_ start: UnsafeRawPointer?, _ count: Int) throws -> [UInt8] {
  guard count >= 0, start != nil || count == 0 else { throw CallError.null }
  return Array(UnsafeRawBufferPointer(start: start, count: count))
}

/// Elements of an array from C.
func list<T>(_ start: UnsafePointer<T>?, _ count: Int) throws -> UnsafeBufferPointer<T> {
  guard count >= 0, start != nil || count == 0 else { throw CallError.null }
  return UnsafeBufferPointer(start: start, count: count)
}
