import COnnxInterface
import ONNX
import ONNXImages

/// A session for C.
final class SessionHandle {
  let session: Session
  let inputNames: [String]
  let outputNames: [String]
  let description: CText

  init(_ session: Session, _ model: ModelSummary) {
    self.session = session
    inputNames = (session.inputs + session.optionalInputs).map(\.name)
    outputNames = session.outputs.map(\.name)
    description = CText(ONNXC.description(model, session))
  }

  /// Makes the session, which then owns the model.
  convenience init(owning model: consuming Model, _ options: SessionOptions) throws {
    let summary = ModelSummary(model)
    self.init(try Session(owning: consume model, options: options), summary)
  }
}

/// Reads, checks and optimises a model; see `onnxc.h`.
@c @implementation
public func onnx_load(
  _ model: UnsafeRawPointer?, _ size: Int, _ folder: UnsafePointer<CChar>?,
  _ options: UnsafePointer<CChar>?
) -> OpaquePointer? {
  load(options) { options in
    try Model(
      serialized: bytes(model, size), options: options.reading,
      externalFolder: folder.map { String(cString: $0) })
  }
}

/// Reads, checks and optimises the model in a file; see `onnxc.h`.
@c @implementation
public func onnx_load_file(
  _ path: UnsafePointer<CChar>?, _ options: UnsafePointer<CChar>?
) -> OpaquePointer? {
  load(options) { try Model(contentsOf: text(path), options: $0.reading) }
}

private func load(
  _ words: UnsafePointer<CChar>?, _ model: (SessionOptions) throws -> Model
) -> OpaquePointer? {
  reportingErrors(isLoading: true) {
    Image.registerDecoder()
    var options = SessionOptions()
    var words = try CallOptions(words)
    try words.session(&options)
    try words.finish()
    return handle(try SessionHandle(owning: try model(options), options))
  }
}

/// Frees a session; see `onnxc.h`.
@c @implementation
public func onnx_free(_ session: OpaquePointer?) { release(session) }

/// Inputs, outputs and metadata as JSON; see `onnxc.h`.
@c @implementation
public func onnx_describe(_ session: OpaquePointer?) -> UnsafePointer<CChar>? {
  UnsafePointer((try? object(session, as: SessionHandle.self))?.description.pointer)
}

/// The position of an input; see `onnxc.h`.
@c @implementation
public func onnx_input(_ session: OpaquePointer?, _ name: UnsafePointer<CChar>?) -> Int32 {
  position(name) { try object(session, as: SessionHandle.self).inputNames }
}

/// The position of an output; see `onnxc.h`.
@c @implementation
public func onnx_output(_ session: OpaquePointer?, _ name: UnsafePointer<CChar>?) -> Int32 {
  position(name) { try object(session, as: SessionHandle.self).outputNames }
}

private func position(_ name: UnsafePointer<CChar>?, _ names: () throws -> [String]) -> Int32 {
  reportingErrors {
    let names = try names()
    let name = try text(name)
    guard let index = names.firstIndex(of: name) else {
      throw ModelError.unknownName(name, nearest: nearest(name, names))
    }
    return Int32(index)
  } ?? -1
}

/// Runs the model; see `onnxc.h`.
@c @implementation
public func onnx_run(
  _ session: OpaquePointer?, _ inputs: UnsafePointer<OpaquePointer?>?, _ inputCount: Int,
  _ outputs: UnsafeMutablePointer<OpaquePointer?>?, _ outputCount: Int
) -> Int32 {
  status {
    guard outputCount >= 0, outputs != nil || outputCount == 0 else { throw CallError.null }
    for index in 0..<outputCount { outputs?[index] = nil }
    let session = try object(session, as: SessionHandle.self)
    try checkCount(inputCount, session.inputNames, "inputs")
    try checkCount(outputCount, session.outputNames, "outputs")
    var values = [String: Value](minimumCapacity: inputCount)
    for (index, input) in try list(inputs, inputCount).enumerated() where input != nil {
      values[session.inputNames[index]] = try object(input, as: ValueHandle.self).value
    }
    var results = try session.session.run(values: values)
    values = [:]
    var made: [ValueHandle] = []
    for name in session.outputNames.prefix(outputCount) {
      guard var value = results.removeValue(forKey: name) else {
        throw CallError("the model has two outputs named '\(name)'")
      }
      try value.makeOwn()
      made.append(ValueHandle(value))
    }
    for (index, value) in made.enumerated() { outputs?[index] = handle(value) }
  }
}

func checkCount(_ count: Int, _ names: [String], _ kind: String) throws {
  guard count <= names.count else {
    throw CallError("the model has \(names.count) \(kind), the call \(count)")
  }
}
