import ONNX
import Testing

@testable import ONNXConversion

struct SafetensorsTests {
  let folder: TemporaryFolder
  init() throws { folder = try TemporaryFolder() }

  private func file(_ header: String, _ data: [UInt8] = [], length: UInt64? = nil) -> [UInt8] {
    var bytes: [UInt8] = []
    let length = length ?? UInt64(header.utf8.count)
    for shift in 0..<8 { bytes.append(UInt8(truncatingIfNeeded: length >> UInt64(8 * shift))) }
    return bytes + Array(header.utf8) + data
  }

  private func entry(_ name: String, _ first: Int, _ last: Int, _ count: Int) -> String {
    "\"\(name)\":{\"dtype\":\"U8\",\"shape\":[\(count)],\"data_offsets\":[\(first),\(last)]}"
  }

  @Test func writesWhatItReads() throws {
    let weights = try Weights(contentsOf: reference("types.safetensors"))
    #expect(weights.entries.count == 27)
    var copy = weights
    copy.metadata = [MetadataEntry(key: "a\"\\\n", value: "ü\u{1}")]
    let path = folder.path("copy.safetensors")
    try copy.write(to: path)
    let again = try Weights(contentsOf: path)
    #expect(try again.tensors() == weights.tensors())
    #expect(again.entries.map(\.name) == weights.entries.map(\.name))
    #expect(again.metadata == copy.metadata)
    #expect(folder.names == ["copy.safetensors"])
  }

  @Test func smallIntegersTakeAByte() throws {
    var weights = Weights([])
    let small = try Tensor(uninitialized: .int4, shape: [3])
    for (index, value) in [-8, 0, 7].enumerated() {
      small.storage.pointer.storeBytes(of: Int8(value), toByteOffset: index, as: Int8.self)
    }
    weights.entries = [.init("a", small), .init("b", Tensor(shape: [1], [2.5]))]
    let path = folder.path("small.safetensors")
    try weights.write(to: path)
    let read = try Weights(contentsOf: path).tensors()
    #expect(try read["a"]?.array() == [-8, 0, 7] as [Int8])
    #expect(try read["b"]?.array() == [2.5])
  }

  @Test func textsAreRefused() {
    let weights = Weights([.init("words", Tensor(shape: [1], ["a"]))])
    let path = folder.path("a.safetensors")
    #expect(throws: FormatError.self) { try weights.write(to: path) }
    #expect(folder.names.isEmpty)
  }

  @Test func badHeaders() throws {
    let both = "{\(entry("a", 0, 2, 2)),\(entry("b", 2, 4, 2))}"
    #expect(Weights.refusal(try folder.write(file(both, [1, 2, 3, 4]))) == nil)
    let cases: [(header: String, data: Int, says: String)] = [
      (both, 3, "ends at byte 4 of 3"), (both, 5, "belong to none"),
      ("{\(entry("a", 0, 3, 3)),\(entry("b", 2, 4, 2))}", 4, "within another tensor"),
      ("{\(entry("a", 0, 2, 2)),\(entry("b", 3, 5, 2))}", 5, "the tensor before it ends at 2"),
      ("{\(entry("a", 0, 2, 2)),\(entry("a", 2, 4, 2))}", 4, "twice"),
      ("{\(entry("a", 0, 2, 3))}", 2, "do not hold uint8 [3]"),
      ("{\(entry("a", 2, 0, 2))}", 2, "do not hold"),
      ("{\(entry("a", 0, 9_223_372_036_854_775_807, 2))}", 2, "do not hold"),
      ("{\(entry("a", 0, 2, 2))} x", 2, "expected the end"),
      ("{\"a\":{\"dtype\":\"U8\",\"shape\":[2]}}", 2, "lacks"),
      ("{\"a\":{\"dtype\":\"Q8\",\"shape\":[2],\"data_offsets\":[0,2]}}", 2, "'Q8'"),
      ("{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\"}}", 2, "repeated key 'dtype'"),
      ("{\"a\":{\"dtype\":\"U8\",\"shape\":[-1],\"data_offsets\":[0,2]}}", 2, "expected a size"),
      (
        "{\"a\":{\"dtype\":\"U8\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}", 0,
        "do not hold"
      ),
      ("{\"__metadata__\":{\"a\":1}}", 0, "expected '\"'"), ("{\"a", 0, "not terminated"),
      ("{\"\\ud800\":{}}", 0, "unpaired surrogate"), ("{\"\\q\":{}}", 0, "escape"),
      ("{\"a\":[[[[", 0, "expected '{'"),
    ]
    for (header, data, says) in cases {
      let path = try folder.write(file(header, [UInt8](repeating: 1, count: data)))
      let refusal = Weights.refusal(path)
      #expect(refusal?.contains(says) == true, "\(header): \(refusal ?? "read")")
    }
  }

  @Test func headersLongerThanTheFile() throws {
    for length in [UInt64(1) << 63, .max, 1 << 40, 1000] {
      let refusal = Weights.refusal(try folder.write(file("{\"a\":{}}", length: length)))
      #expect(refusal?.contains("header of \(length) bytes") == true)
    }
  }

  @Test func cutAndChangedAnywhere() throws {
    var bytes = try bytes(of: reference("types.safetensors"))
    for index in stride(from: 0, to: bytes.count, by: 29) {
      #expect(Weights.refusal(try folder.write(Array(bytes[..<index]))) != nil)
      let old = bytes[index]
      for value: UInt8 in [0, 0x22, 0x7D, 0xFF] {
        bytes[index] = value
        _ = Weights.refusal(try folder.write(bytes))
      }
      bytes[index] = old
    }
  }
}
