import ONNXDifferentiation
import ONNXFormat
import ONNXInterpreter
import ONNXSupport

/// A test case: a folder with a model, its inputs and the expected outputs.
package struct Case: Sendable {
  /// The folder's path.
  package let path: String
  /// How the model is read.
  var reading = ReadingOptions()

  package init(path: String) { self.path = path }

  /// Whether the model has a convolution, or cannot be read.
  package var mayHaveConvolution: Bool {
    (try? Model(contentsOf: "\(path)/model.onnx"))?.hasConvolution ?? true
  }

  /// Runs the model on every data set.
  ///
  /// - Parameters:
  ///   - variant: the way to run it
  ///   - convolution: the algorithm of all convolutions; `nil` leaves the choice to the kernels
  ///   - wanted: the allowed error, in units of the largest expected number; by default that of the
  ///     convolution, or else that of the case's file `tol`
  /// - Returns: the kind of judgement, and a description of the first wrong output, if any
  /// - Throws: the error that keeps the model from running
  package func run(
    _ variant: CaseVariant = .optimized, _ convolution: ConvolutionChoice? = nil,
    tolerance wanted: Double? = nil
  ) throws -> (judgement: CaseJudgement, difference: String?) {
    let own = try tolerance()
    let tolerance =
      (wanted ?? convolution?.tolerance).map {
        Tolerance(relative: 0, absolute: $0, isOfLargest: true)
      } ?? own
    var options = SessionOptions()
    // Cases run side by side, one a CPU.
    options.threads = 1
    options.passes = variant.passes
    options.expansions = [.gradients]
    if let convolution { options.convolution = convolution.algorithm }
    let model = try variant.model(contentsOf: "\(path)/model.onnx", reading)
    let drawn = DrawnCase(model, options)
    let keepsModel = drawn != nil || variant == .plain
    let session =
      keepsModel
      ? try Session(model, options: options)
      : try Session(
        owning: variant.model(contentsOf: "\(path)/model.onnx", reading), options: options)
    let judgement = drawn?.judgement ?? .values
    for dataSet in try dataSets(of: path) {
      let data = try DataSet("\(path)/\(dataSet)", model.graph)
      var difference: String?
      if let drawn {
        difference = try drawn.difference(data.inputs, from: data.outputs)
      } else {
        difference = data.difference(try session.run(values: data.inputs), tolerance)
        if difference == nil, variant == .plain {
          difference = try inferenceDifference(model, options, data.inputs) { outputs in
            data.difference(outputs, tolerance)
          }
        }
      }
      if let difference { return (judgement, "\(dataSet): \(difference)") }
    }
    return (judgement, nil)
  }

  private func tolerance() throws(Failure) -> Tolerance {
    let file = "\(path)/tol"
    guard fileExists(file) else { return Tolerance(relative: 1e-3, absolute: 1e-7) }
    let text = try readText(file)
    do { return try Tolerance(parsing: text) } catch { throw Failure(file, error) }
  }
}

/// Inputs of a model and its expected outputs, by name.
struct DataSet {
  private(set) var inputs: [String: Value] = [:]
  private(set) var outputs: [String: Value] = [:]

  /// Reads the files `input_<number>.pb` and `output_<number>.pb` of a folder.
  /// - Parameter graph: the graph whose inputs, initializers not counted, and outputs are numbered
  /// - Throws: `Failure` for files that cannot be read or do not match the graph
  init(_ folder: String, _ graph: Graph) throws(Failure) {
    let initializers = Set(
      graph.initializers.compactMap(\.name) + graph.sparseInitializers.compactMap(\.values.name))
    let infos = graph.inputs.filter { !initializers.contains($0.name) }
    let files = try entries(of: folder)
    for (index, file) in numbered(files, "input_") {
      guard index < infos.count else {
        throw Failure("\(file): the model has only \(infos.count) inputs")
      }
      let info = infos[index]
      inputs[info.name] = try readMessage("\(folder)/\(file)", info.type)
    }
    let expected = numbered(files, "output_")
    guard expected.count == graph.outputs.count else {
      throw Failure(
        "expected \(expected.count) outputs, the model has \(graph.outputs.count)")
    }
    for (index, file) in expected {
      guard index < graph.outputs.count else {
        throw Failure("\(file): the model has only \(graph.outputs.count) outputs")
      }
      let info = graph.outputs[index]
      outputs[info.name] = try readMessage("\(folder)/\(file)", info.type)
    }
  }

  /// Compares the outputs of a run with the expected ones.
  /// - Returns: a description of the first difference; `nil` where there is none
  func difference(_ actual: [String: Value], _ tolerance: Tolerance) -> String? {
    for (name, wanted) in outputs.sorted(by: { $0.key < $1.key }) {
      guard let output = actual[name] else { return "output '\(name)' is missing" }
      if let difference = ONNXSupport.difference(output, from: wanted, tolerance) {
        return "output '\(name)': \(difference)"
      }
    }
    return nil
  }
}

/// The cases at or below a folder, sorted by path.
/// - Throws: `Failure` for a folder that cannot be read
package func findCases(_ folder: String) throws(Failure) -> [Case] {
  var cases: [Case] = []
  var folders = [folder]
  var seen: Set<FileIdentity> = []
  while let folder = folders.popLast() {
    // A symbolic link may lead back to a folder above it.
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

/// The names of a case's folders `test_data_set_*` that hold values, in the order of their numbers.
func dataSets(of folder: String) throws(Failure) -> [String] {
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

/// The files named `PREFIX<number>.pb`, sorted by number.
private func numbered(_ files: [String], _ prefix: String) -> [(index: Int, file: String)] {
  files.compactMap { file in
    guard file.hasPrefix(prefix), file.hasSuffix(".pb"),
      let index = Int(file.dropFirst(prefix.count).dropLast(3)), index >= 0
    else { return nil }
    return (index, file)
  }.sorted { $0.index < $1.index }
}
