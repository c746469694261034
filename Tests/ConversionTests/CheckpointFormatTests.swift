import ONNX
import ONNXConversion
import Testing

/// The choice of a checkpoint's format.
struct CheckpointFormatTests {
  let folder: TemporaryFolder
  init() throws { folder = try TemporaryFolder() }

  /// A format of another package: a signature, and the bytes of one tensor.
  private enum Bytes: CheckpointFormat {
    static let name = "bytes"

    static func matches(_ file: CheckpointFile) throws(FormatError) -> Bool {
      try file.prefix(4) == Array("BYTE".utf8)
    }

    static func read(_ file: CheckpointFile) throws(FormatError) -> Weights {
      let bytes = try file.bytes(4..<file.count)
      return Weights([
        Weights.Entry("bytes", .uint8, [bytes.count]) { () throws(FormatError) in
          Tensor(shape: [bytes.count], bytes)
        }
      ])
    }
  }

  @Test func formatsOfOtherPackages() throws {
    let path = try folder.write(Array("BYTE".utf8) + [1, 2, 3])
    #expect(throws: FormatError.self) { try Weights(contentsOf: path) }
    let formats = CheckpointFormats.standard + [Bytes.self]
    #expect(try CheckpointFormats.format(ofFile: path, among: formats)?.name == "bytes")
    let weights = try Weights(contentsOf: path, formats: formats)
    #expect(try weights.entries[0].tensor().array() == [1, 2, 3] as [UInt8])
  }

  @Test func theExtensionDecidesWhatIsWritten() throws {
    #expect(Weights.fileExtensions.sorted() == ["npz", "safetensors"])
    let weights = Weights([.init("a", Tensor(shape: [1], [1]))])
    let error = #expect(throws: FormatError.self) { try weights.write(to: folder.path("a.pt")) }
    #expect(error?.description.contains(".npz or .safetensors") == true)
    #expect(folder.names.isEmpty)
  }
}
