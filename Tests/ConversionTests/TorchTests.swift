import ONNX
import Testing

@testable import ONNXConversion

struct TorchTests {
  let folder: TemporaryFolder
  init() throws { folder = try TemporaryFolder() }

  private func expected() throws -> [String: Tensor] {
    try Weights(contentsOf: reference("types.safetensors")).tensors()
  }

  @Test(arguments: ["zip.pt", "protocol4.pt", "deflated.pt", "bigendian.pt"])
  func readsEveryTypeAndStride(name: String) throws {
    let weights = try Weights(contentsOf: reference(name))
    #expect(weights.layout == .pyTorch)
    #expect(try weights.tensors() == expected())
  }

  @Test func readsTheOldFormat() throws {
    let missing = ["uint16", "uint32", "uint64", "float8"]
    let expected = try expected().filter { name, _ in
      !missing.contains { name.hasPrefix("types.\($0)") }
    }
    #expect(try Weights(contentsOf: reference("legacy.pt")).tensors() == expected)
  }

  @Test func namesOfNestedDictionariesAreJoined() throws {
    let weights = try Weights(contentsOf: reference("nested.pt"))
    var tensors = try weights.tensors()
    #expect(try tensors.removeValue(forKey: "best")?.array() == [0.5])
    #expect(try tensors.removeValue(forKey: "array")?.array() == [1, 0, 0, 1] as [Double])
    let inner = tensors.map { ($0.key.replacing("state_dict.", with: ""), $0.value) }
    #expect(try Dictionary(uniqueKeysWithValues: inner) == expected())
    #expect(
      weights.metadata == [
        MetadataEntry(key: "epoch", value: "3"), MetadataEntry(key: "name", value: "run"),
      ])
  }

  // MARK: Pickles

  /// A pickle of the old format with these instructions as its content, and no storages.
  private func legacy(_ body: [UInt8], keys: [UInt8] = Array("]".utf8)) -> [UInt8] {
    let magic: [UInt8] = [
      0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19,
    ]
    func pickle(_ body: [UInt8]) -> [UInt8] { [0x80, 2] + body + Array(".".utf8) }
    return pickle(magic) + pickle([0x4D, 0xE9, 0x03]) + pickle(Array("}".utf8)) + pickle(body)
      + pickle(keys)
  }

  private func refusal(_ body: [UInt8]) throws -> String? {
    Weights.refusal(try folder.write(legacy(body)))
  }

  @Test(arguments: [
    ("os", "system"), ("posix", "system"), ("builtins", "eval"), ("__builtin__", "exec"),
    ("subprocess", "Popen"), ("torch.nn.modules.linear", "Linear"), ("__main__", "Net"),
    ("torch._utils", "_rebuild_qtensor"), ("torch", "load"),
  ])
  func unknownNamesAreRefused(module: String, name: String) throws {
    let ask = Array("c\(module)\n\(name)\n".utf8)
    let call = ask + Array("(X".utf8) + [4, 0, 0, 0] + Array("true".utf8) + Array("tR".utf8)
    #expect(try refusal(call)?.contains("'\(module).\(name)'") == true)
    // In the form of protocol 4.
    func short(_ text: String) -> [UInt8] { [0x8C, UInt8(text.utf8.count)] + Array(text.utf8) }
    let modern = short(module) + short(name) + [0x93]
    #expect(try refusal(modern)?.contains("'\(module).\(name)'") == true)
  }

  /// A tensor under a key that cannot be part of a name is an error.
  @Test func keysThatAreNotStrings() throws {
    // A NumPy scalar counts as a tensor.
    let number =
      Array("cnumpy.core.multiarray\nscalar\ncnumpy\ndtype\nU\u{2}f4".utf8) + [0x85]
      + Array("RC\u{4}aaaa".utf8) + [0x86] + Array("R".utf8)
    let file = try folder.write(
      legacy(
        Array("}N".utf8) + number + Array("sK\u{3}".utf8) + number
          + Array("sG".utf8) + [0x3F, 0xF8, 0, 0, 0, 0, 0, 0] + number + Array("s".utf8)))
    #expect(try Weights(contentsOf: file).entries.map(\.name) == ["None", "3", "1.5"])
    let tuple = Array("}K\u{1}".utf8) + [0x85] + number + Array("s".utf8)
    #expect(try refusal(tuple)?.contains("neither a string nor a number") == true)
  }

  @Test func damagedPickles() throws {
    let cases: [(body: [UInt8], says: String)] = [
      (Array("]".utf8), "has no tensors"), (Array("0".utf8), "empty stack"),
      (Array("t".utf8), "a mark is missing"),
      (Array("h\u{5}".utf8), "a memo entry that does not exist"),
      (Array("}K\u{1}s".utf8), "empty stack"), (Array("NNa".utf8), "not a list"),
      (Array("NNNs".utf8), "not a dictionary"), (Array("}(Nu".utf8), "has no value"),
      (Array("NNR".utf8), "not a tuple"), (Array("N)R".utf8), "not a function"),
      (Array("NQ".utf8), "not a tuple"), (Array(")Q".utf8), "not a storage"),
      (Array("I1\n".utf8), "instruction 73"), ([0x82, 1], "instruction 130"),
      ([0x58, 0xFF, 0xFF, 0xFF, 0xFF], "ends early"),
      (
        [0x8D] + .init(repeating: 0xFF, count: 8),
        "ends early"
      ), ([0x58, 1, 0, 0, 0, 0xFF], "UTF-8"), (Array("N}b".utf8), "has none"),
    ]
    for (body, says) in cases {
      let found = try refusal(body)
      #expect(found?.contains(says) == true, "\(body): \(found ?? "read")")
    }
  }

  /// A list that contains itself, and nested lists that would have 10³⁰ elements as copies.
  @Test func endlessPickles() throws {
    #expect(try refusal(Array("]q\u{0}h\u{0}a".utf8))?.contains("nested") == true)
    var body = Array("]q\u{0}".utf8)
    for level in 1..<31 {
      body += Array("](".utf8)
      for _ in 0..<10 { body += [0x68, UInt8(level - 1)] }
      body += Array("eq".utf8) + [UInt8(level)]
    }
    #expect(try refusal(body)?.contains("nested") == true)
    #expect(try refusal([UInt8](repeating: 0x5D, count: 100_000)) != nil)
    let deep = [UInt8](repeating: 0x5D, count: 100_000) + [UInt8](repeating: 0x61, count: 99_999)
    #expect(try refusal(deep)?.contains("nested") == true)
  }

  /// Short instructions that copy large objects many times.
  @Test func repeatedCopies() throws {
    let name: [UInt8] = [0x58, 0x10, 0x27, 0, 0] + .init(repeating: 0x61, count: 10_000)
    let encode = Array("c_codecs\nencode\nq\u{1}0".utf8)
    var body = name + Array("q\u{0}0".utf8) + encode
    for _ in 0..<10_000 { body += Array("h\u{1}h\u{0}".utf8) + [0x85] + Array("R0".utf8) }
    #expect(try refusal(body + Array("N".utf8))?.contains("copies more") == true)

    var pairs = Array("](".utf8)
    for _ in 0..<10_000 { pairs += Array("NN".utf8) + [0x86] }
    pairs += Array("eq\u{0}0ccollections\nOrderedDict\nq\u{1}0".utf8)
    for _ in 0..<10_000 { pairs += Array("h\u{1}h\u{0}".utf8) + [0x85] + Array("R0".utf8) }
    #expect(try refusal(pairs + Array("N".utf8))?.contains("copies more") == true)

    // A key of 10,000 bytes.
    #expect(try refusal(Array("}".utf8) + name + Array("Ns".utf8))?.contains("name of") == true)
  }

  @Test(arguments: ["zip.pt", "legacy.pt", "protocol4.pt"])
  func cutAndChangedAnywhere(name: String) throws {
    var bytes = try bytes(of: reference(name))
    for index in stride(from: 0, to: bytes.count, by: 53) {
      #expect(Weights.refusal(try folder.write(Array(bytes[..<index]))) != nil)
      let old = bytes[index]
      for value: UInt8 in [0, 0x28, 0x80, 0xFF] {
        bytes[index] = value
        _ = Weights.refusal(try folder.write(bytes))
      }
      bytes[index] = old
    }
  }
}
