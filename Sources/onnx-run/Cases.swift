import Glibc
import ONNX
import ToolSupport

/// A folder with a model, inputs for it, and the outputs they must lead to.
struct Case {
  /// The folder's path.
  let path: String

  /// Whether the model has a convolution, or cannot be read.
  var mayHaveConvolution: Bool {
    (try? Model(contentsOf: "\(path)/model.onnx"))?.hasConvolution ?? true
  }

  /// Runs the model on every data set.
  ///
  /// - Parameters:
  ///   - convolution: how all convolutions are to be computed
  ///   - wanted: how far off results may be, in units of the largest expected number; by default
  ///     what the convolution costs, or else what the case says
  /// - Returns: what is wrong with the outputs, if anything
  /// - Throws: whatever keeps the model from running
  func run(
    _ convolution: ConvolutionChoice? = nil, tolerance wanted: Double? = nil
  ) throws -> String? {
    let own = try tolerance()
    let tolerance =
      (wanted ?? convolution?.tolerance).map {
        Tolerance(relative: 0, absolute: $0, isOfLargest: true)
      } ?? own
    var options = SessionOptions()
    // Cases run side by side, one a CPU.
    options.threads = 1
    if let convolution { options.convolution = convolution.algorithm }
    let session = try Session(contentsOf: "\(path)/model.onnx", options: options)
    for dataSet in try dataSets(of: path) {
      if let difference = try run(session, "\(path)/\(dataSet)", tolerance) {
        return "\(dataSet): \(difference)"
      }
    }
    return nil
  }

  private func tolerance() throws(Failure) -> Tolerance {
    let file = "\(path)/tol"
    guard fileExists(file) else { return Tolerance(relative: 1e-3, absolute: 1e-7) }
    let text = try readText(file)
    do { return try Tolerance(parsing: text) } catch { throw Failure(file, error) }
  }

  private func run(
    _ session: Session, _ folder: String, _ tolerance: Tolerance
  ) throws -> String? {
    let files = try entries(of: folder)
    var inputs: [String: Value] = [:]
    for (index, file) in numbered(files, "input_") {
      guard index < session.inputs.count else {
        return "\(file): the model has \(session.inputs.count) inputs"
      }
      let info = session.inputs[index]
      inputs[info.name] = try readMessage("\(folder)/\(file)", info.type)
    }
    let expected = numbered(files, "output_")
    guard expected.count == session.outputs.count else {
      return "expected \(expected.count) outputs, the model has \(session.outputs.count)"
    }
    let outputs = try session.run(values: inputs)
    for (index, file) in expected {
      guard index < session.outputs.count else { return "\(file): there is no such output" }
      let info = session.outputs[index]
      let wanted = try readMessage("\(folder)/\(file)", info.type)
      guard let output = outputs[info.name] else { return "output '\(info.name)' is missing" }
      if let difference = difference(output, from: wanted, tolerance) {
        return "output '\(info.name)': \(difference)"
      }
    }
    return nil
  }
}

/// The cases at or below a folder, sorted.
/// - Throws: `Failure` where the folder cannot be read
func findCases(_ folder: String) throws(Failure) -> [Case] {
  var cases: [Case] = []
  var folders = [folder]
  var seen: Set<FileIdentity> = []
  while let folder = folders.popLast() {
    // A link may lead back to where it lies.
    guard seen.insert(try FileIdentity(folder)).inserted else { continue }
    let entries = try entries(of: folder)
    if entries.contains("model.onnx"), try !dataSets(of: folder).isEmpty {
      cases.append(Case(path: folder))
    }
    for entry in entries where isFolder("\(folder)/\(entry)") {
      folders.append("\(folder)/\(entry)")
    }
  }
  return cases.sorted { $0.path < $1.path }
}

/// The folders `test_data_set_*` that hold values.
private func dataSets(of folder: String) throws(Failure) -> [String] {
  var sets: [String] = []
  for entry in try entries(of: folder)
  where entry.hasPrefix("test_data_set_") && isFolder("\(folder)/\(entry)") {
    let files = try entries(of: "\(folder)/\(entry)")
    if !numbered(files, "input_").isEmpty || !numbered(files, "output_").isEmpty {
      sets.append(entry)
    }
  }
  return sets.sorted { ($0.utf8.count, $0) < ($1.utf8.count, $1) }
}

/// The files `PREFIX<number>.pb` by number.
private func numbered(_ files: [String], _ prefix: String) -> [(index: Int, file: String)] {
  files.compactMap { file in
    guard file.hasPrefix(prefix), file.hasSuffix(".pb"),
      let index = Int(file.dropFirst(prefix.count).dropLast(3)), index >= 0
    else { return nil }
    return (index, file)
  }.sorted { $0.index < $1.index }
}
