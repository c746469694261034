import ArgumentParser
import Glibc
import ONNXCases
import ONNXFormat
import ToolSupport

/// Another runtime, which a Python script runs.
enum Peer: String, ExpressibleByArgument, CaseIterable {
  case onnxruntime

  /// The types whose values NumPy's files hold.
  private static let types: Set<ElementType> = [
    .float16, .float32, .float64, .int8, .int16, .int32, .int64, .uint8, .uint16, .uint32, .uint64,
    .bool,
  ]

  /// Runs a model, and returns the values that it exposes.
  /// - Throws: `Failure` where Python, the runtime or the run fails
  func values(
    of model: ExposedModel, _ inputs: [String: Value], python: String, threads: Int?,
    timeLimit: Duration?
  ) throws(Failure) -> [String: Value] {
    let folder = try WorkFolder()
    for (place, info) in model.session.inputs.enumerated() {
      guard let tensor = inputs[info.name]?.tensor, Self.types.contains(tensor.elementType) else {
        throw Failure(
          "input \(info.name.quoted) is \(info.type?.description ?? "of unknown type"), which "
            + "cannot be given to \(rawValue)")
      }
      do { try tensor.writeNPY(to: folder.path("input_\(place).npy")) } catch {
        throw Failure("\(error)")
      }
    }
    // The runtime needs the element types of outputs that the file does not state.
    let types: [String: ValueType]
    do {
      types = try model.session.types(shapes: inputs.compactMapValues { $0.tensor?.shape })
    } catch {
      throw Failure(model.path, error)
    }
    var exposed = model.model
    exposed.graph.outputs = model.graph.outputs.compactMap { info in
      guard let type = (types[info.name] ?? info.type)?.tensorType?.elementType,
        Self.types.contains(type)
      else { return nil }
      return ValueInfo(info.name, .tensor(type, nil as Shape?))
    }
    do { try exposed.write(to: folder.path("model.onnx")) } catch { throw Failure("\(error)") }
    try run(python, ["-c", Self.script, folder.path, "\(threads ?? 0)"], timeLimit)
    var values: [String: Value] = [:]
    for (place, info) in exposed.graph.outputs.enumerated() {
      let file = folder.path("output_\(place).npy")
      if fileExists(file) { values[info.name] = try readValue(file, info.type) }
    }
    return values
  }

  private func run(
    _ python: String, _ arguments: [String], _ timeLimit: Duration?
  ) throws(Failure) {
    let deadline = timeLimit.map { ContinuousClock.now + $0 }
    let process: Subprocess
    do {
      process = try Subprocess(python, arguments: arguments, keepsErrors: true)
    } catch {
      throw Failure(
        "--peer \(rawValue): \(python): \(error); --python names a Python that has \(rawValue)")
    }
    var isLate = false
    func look() {
      guard let deadline, !isLate, ContinuousClock.now > deadline else { return }
      isLate = true
      process.end()
    }
    while !process.receive(look).isEmpty { look() }
    if isLate, let timeLimit {
      throw Failure("--peer \(rawValue): deadline exceeded: the time limit is \(timeLimit)")
    }
    if let end = process.wait() {
      throw Failure("--peer \(rawValue): \(process.lastError ?? end)")
    }
  }

  /// Runs `model.onnx` of a folder on `input_I.npy`, and writes `output_I.npy`.
  private static let script = String(
    decoding: PackageResources.onnxruntime_values_py, as: UTF8.self)
}

/// A temporary folder, removed with its files when it is no longer used.
private final class WorkFolder {
  let path: String

  init() throws(Failure) {
    let folder = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    var name = Array("\(folder)/onnx-XXXXXX".utf8CString)
    guard mkdtemp(&name) != nil else { throw systemFailure(folder) }
    path = String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  func path(_ name: String) -> String { "\(path)/\(name)" }

  deinit {
    for name in (try? entries(of: path)) ?? [] { unlink("\(path)/\(name)") }
    rmdir(path)
  }
}
