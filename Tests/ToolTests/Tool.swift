import Foundation
import ONNX
@_exported import TestFiles
import Testing
import ToolSupport

/// The `onnx-run` executable, run as a user would run it.
struct Tool {
  /// The executable next to the running tests, unless the environment names another one.
  static let path = ProcessInfo.processInfo.environment["ONNX_RUN"] ?? path(of: "onnx-run")

  /// A tool next to the running tests.
  static func path(of name: String) -> String {
    let tests = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    return tests.deletingLastPathComponent().appendingPathComponent(name).path
  }

  let status: Int32
  let output: String
  let errors: String

  var lines: [String] { output.split(separator: "\n").map(String.init) }

  /// Runs the tool to its end.
  /// - Parameter meanwhile: called while it runs
  init(
    _ arguments: [String], path: String = path, meanwhile: (Process) throws -> Void = { _ in }
  ) throws {
    let folder = try Folder()
    let (outputPath, errorPath) = (folder.path("output"), folder.path("errors"))
    for path in [outputPath, errorPath] {
      _ = FileManager.default.createFile(atPath: path, contents: nil)
    }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = arguments
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = FileHandle(forWritingAtPath: outputPath)
    process.standardError = FileHandle(forWritingAtPath: errorPath)
    try process.run()
    try meanwhile(process)
    process.waitUntilExit()
    status = process.terminationReason == .exit ? process.terminationStatus : -1
    output = try String(contentsOfFile: outputPath, encoding: .utf8)
    errors = try String(contentsOfFile: errorPath, encoding: .utf8)
  }

  init(_ arguments: String...) throws { try self.init(arguments) }
}

/// Expects an error: exit code 2, and one line on standard error that contains `text`, nothing
/// else.
func expectStop(
  _ arguments: [String], _ text: String = "onnx-run: ",
  sourceLocation: SourceLocation = #_sourceLocation
) throws {
  let tool = try Tool(arguments)
  #expect(tool.status == 2, sourceLocation: sourceLocation)
  #expect(tool.output == "", sourceLocation: sourceLocation)
  #expect(tool.errors.hasPrefix("onnx-run: "), sourceLocation: sourceLocation)
  #expect(tool.errors.hasSuffix("\n"), sourceLocation: sourceLocation)
  #expect(
    tool.errors.split(separator: "\n").count == 1, "\(tool.errors)",
    sourceLocation: sourceLocation)
  #expect(tool.errors.contains(text), "\(tool.errors)", sourceLocation: sourceLocation)
}

typealias Folder = TemporaryFolder

extension TemporaryFolder {
  func write(_ value: Value, to name: String) throws -> String {
    try value.write(to: path(name))
    return path(name)
  }
  func write<T: Element>(_ shape: [Int], _ values: [T], to name: String) throws -> String {
    try write(.tensor(Tensor(shape: shape, values)), to: name)
  }
  func write(_ model: Model, to name: String = "model.onnx") throws -> String {
    try model.write(to: path(name))
    return path(name)
  }
}

/// A file of the package.
func packageFile(_ name: String) -> String {
  "\(#filePath.dropLast("Tests/ToolTests/Tool.swift".count))\(name)"
}

extension Model {
  /// A model of these nodes in opset 17.
  init(_ nodes: [Node], inputs: [ValueInfo], outputs: [ValueInfo]) {
    self.init(
      graph: Graph(name: "test", nodes: nodes, inputs: inputs, outputs: outputs),
      operatorSets: [OperatorSetImport(version: 17)], irVersion: 8)
  }

  /// `y = max(x, 0)` for float32 `x`.
  static func relu(_ shape: Shape = [.symbol("N"), 2]) -> Model {
    Model(
      [Node("Relu", name: "relu", inputs: ["x"], outputs: ["y"])],
      inputs: [ValueInfo("x", .tensor(.float32, shape))],
      outputs: [ValueInfo("y", .tensor(.float32, shape))])
  }

  /// A loop that never ends: its condition stays true.
  static var endless: Model {
    let body = Graph(
      name: "body",
      nodes: [
        Node("Identity", inputs: ["before"], outputs: ["after"]),
        Node("Identity", inputs: ["state"], outputs: ["next"]),
      ],
      inputs: [
        ValueInfo("trip", .tensor(.int64, [] as Shape)),
        ValueInfo("before", .tensor(.bool, [] as Shape)),
        ValueInfo("state", .tensor(.float32, [1])),
      ],
      outputs: [
        ValueInfo("after", .tensor(.bool, [] as Shape)),
        ValueInfo("next", .tensor(.float32, [1])),
      ])
    return Model(
      [
        Node("Constant", inputs: [], outputs: ["go"], attributes: [.tensor("value", Tensor(true))]),
        Node(
          "Loop", inputs: ["", "go", "x"], outputs: ["y"], attributes: [.graph("body", body)]),
      ],
      inputs: [ValueInfo("x", .tensor(.float32, [1]))],
      outputs: [ValueInfo("y", .tensor(.float32, [1]))])
  }
}
