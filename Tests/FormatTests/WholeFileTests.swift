import Glibc
import ONNX
import ONNXFormat
import Testing

/// Files on disk are the old ones or the new ones, whatever happens while they are written.
@Suite struct WholeFileTests {
  private let folder: TemporaryFolder
  init() throws { folder = try TemporaryFolder() }

  private func model(_ weight: Float) -> Model {
    Model(
      graph: Graph(
        nodes: [Node("Identity", inputs: ["w"], outputs: ["y"])],
        outputs: [ValueInfo("y", .tensor(.float32, [4]))],
        initializers: [
          NamedTensor("w", Tensor(shape: [4], [Float](repeating: weight, count: 4)))
        ]),
      operatorSets: [OperatorSetImport(version: 17)])
  }

  private func weight(_ name: String) throws -> Float {
    try Model(contentsOf: folder.path(name)).graph.initializers[0].tensor.array(as: Float.self)[0]
  }

  private func write(_ weight: Float, stopAfter last: WritingStep? = nil) throws {
    var options = WritingOptions()
    options.externalData = ExternalDataOptions(name: "m.onnx.data", threshold: 0)
    try model(weight).write(to: folder.path("m.onnx"), options: options) {
      (step) throws(FormatError) in
      if step == last { throw FormatError(.invalid("the process is killed here")) }
    }
  }

  @Test func aSaveWithExternalDataIsTheOldOneOrTheNewOne() throws {
    try write(1)
    #expect(folder.names == ["m.onnx", "m.onnx.data"])
    #expect(throws: FormatError.self) { try write(2, stopAfter: .data) }
    #expect(try weight("m.onnx") == 1)
    #expect(throws: FormatError.self) { try write(3, stopAfter: .model) }
    #expect(try weight("m.onnx") == 3)
    // The next write removes what the others have left, and the names take turns.
    try write(4)
    #expect(try weight("m.onnx") == 4)
    #expect(folder.names.count == 2)
    try write(5)
    try write(6)
    #expect(try weight("m.onnx") == 6)
    #expect(folder.names.count == 2)
  }

  @Test func externalDataReplacesALinkOfItsName() throws {
    let outside = try TemporaryFolder()
    try outside.write("precious", to: "file")
    symlink(outside.path("file"), folder.path("m.onnx.data"))
    try write(7)
    #expect(try outside.bytes("file") == Array("precious".utf8))
    #expect(try weight("m.onnx") == 7)
    #expect(try folder.bytes("m.onnx.data").count == 16)
    var status = stat()
    #expect(lstat(folder.path("m.onnx.data"), &status) == 0)
    #expect(status.st_mode & S_IFMT == S_IFREG)
  }

  @Test func aWriteRemovesWhatKilledOnesHaveLeft() throws {
    try folder.write("", to: "m.onnx.12.345.tmp")
    try folder.write("", to: "m.onnx.data.6.7.tmp")
    // Other files stay: of other names, and those that a process is still writing.
    let others = ["m.onnx.12.tmp", "m.onnx.a.1.tmp", "m.onnx.tmp", "n.onnx.12.345.tmp"]
    for name in others { try folder.write("", to: name) }
    let other = try OutputFile(folder.path("m.onnx"))
    try write(1)
    #expect(folder.names.count == others.count + 3)
    try withExtendedLifetime(other) { try other.commit() }
    #expect(Set(folder.names) == Set(others + ["m.onnx", "m.onnx.data"]))
  }

  @Test func anOutputThatNobodyReadsIsAnError() throws {
    mkfifo(folder.path("pipe"), 0o600)
    let error = #expect(throws: FormatError.self) { try model(1).write(to: folder.path("pipe")) }
    #expect(error?.description.contains("nobody reads") == true)
  }
}
