import ONNX
import Testing

@testable import Serving

struct JSONScannerTests {
  func scan<R>(_ text: String, _ body: (inout JSONScanner) throws -> R) throws -> R {
    try Array(text.utf8).withUnsafeBufferPointer { bytes in
      var scanner = JSONScanner(bytes)
      let result = try body(&scanner)
      try scanner.finish()
      return result
    }
  }

  func elements<T: TensorElement>(_ text: String, count: Int, as type: T.Type) throws -> [T] {
    try scan(text) { scanner in
      let buffer = UnsafeMutableBufferPointer<T>.allocate(capacity: count)
      buffer.initialize(repeating: .zero)
      defer {
        buffer.deinitialize()
        buffer.deallocate()
      }
      try scanner.elements(into: buffer)
      return Array(buffer)
    }
  }

  @Test func nestedAndFlatDataAreTheSame() throws {
    #expect(try elements("[[1, 2],\n[3 ,4] ]", count: 4, as: Int8.self) == [1, 2, 3, 4])
    #expect(try elements("[1,2,3,4]", count: 4, as: Int8.self) == [1, 2, 3, 4])
    #expect(try elements("[[],[]]", count: 0, as: Float.self).isEmpty)
  }

  @Test(arguments: [
    "[1,2", "[1 2]", "[1,]", "[,1]", "1,2", "[1,2]]", "[[1,2]", "[1,2,3]", "[1]", "",
  ])
  func malformedDataIsRefused(_ text: String) {
    #expect(throws: ServingError.self) { try elements(text, count: 2, as: Int32.self) }
  }

  @Test func deepNestingIsRefused() {
    let text = String(repeating: "[", count: 100_000)
    #expect(throws: ServingError.self) { try elements(text, count: 1, as: Int32.self) }
    #expect(throws: ServingError.self) { try scan(text) { try $0.skip() } }
  }

  @Test func integersAreExact() throws {
    #expect(try scan("9223372036854775807") { try $0.integer() as Int64 } == .max)
    #expect(try scan("-9223372036854775808") { try $0.integer() as Int64 } == .min)
    #expect(try scan("18446744073709551615") { try $0.integer() as UInt64 } == .max)
    #expect(try scan("-128") { try $0.integer() as Int8 } == -128)
    #expect(try scan("-0") { try $0.integer() as UInt8 } == 0)
  }

  @Test(arguments: [
    "128", "-129", "1.0", "1e2", "01", "-", "+1", "0x10", "99999999999999999999999", "true",
    "\"1\"",
  ])
  func otherNumbersAreNoInt8(_ text: String) {
    #expect(throws: ServingError.self) { try scan(text) { try $0.integer() as Int8 } }
  }

  @Test(arguments: [
    "01", ".5", "1.", "1e", "-", "+1", "1e400", "nan", "1.5.5", "0x1p3", "--1", "null",
  ])
  func otherTextsAreNoNumbers(_ text: String) {
    #expect(throws: ServingError.self) { try scan(text) { try $0.double() } }
    #expect(throws: ServingError.self) { try scan(text) { try $0.float() } }
  }

  @Test func floatsAreTheNearestToTheText() throws {
    var texts = [
      "0", "-0", "0.1", "1e22", "1e23", "1e-45", "7e-46", "3.4028235e38", "3.40282356e38",
      "1.17549435e-38",
      "16777217", "16777217.0000000001", "16777216.9999999999", "0.1234567890123456789012345",
      "9007199254740993", "9007199254740992.9999", "1.00000005960464477539", "1e10", "5e-324",
      "2.2250738585072011e-308", "123456789012345678901234567890", "0.000000000000000000000001",
      "1.000000059604644775390625", "1.0000000596046447753906251", "1.0000000596046447753906249",
    ]
    var random = SystemRandomNumberGenerator()
    for _ in 0..<2000 {
      let float = Float(bitPattern: .random(in: 0..<0x7F80_0000, using: &random))
      texts.append("\(float)")
      texts.append("\(Double(float))")
      texts.append("-\(Double(float).nextUp)")
      texts.append("\(Double.random(in: -2...2, using: &random))")
      // The middle between two floats, and its neighbours.
      let middle = (Double(float) + Double(float.nextUp)) / 2
      texts += ["\(middle)", "\(middle.nextUp)", "\(middle.nextDown)"]
    }
    for text in texts {
      let double = try #require(Double(text))
      #expect(try scan(text) { try $0.double() }.bitPattern == double.bitPattern, "\(text)")
      let float = try #require(Float(text))
      if float.isFinite {
        #expect(try scan(text) { try $0.float() }.bitPattern == float.bitPattern, "\(text)")
      }
    }
  }

  @Test func numbersThatAreNotFiniteAreRead() throws {
    #expect(
      try elements("[NaN,Infinity,-Infinity]", count: 3, as: Float.self).map(\.description)
        == ["nan", "inf", "-inf"])
    #expect(throws: ServingError.self) { try elements("[1e39]", count: 1, as: Float.self) }
    #expect(throws: ServingError.self) { try elements("[65520]", count: 1, as: Float16.self) }
    #expect(throws: ServingError.self) { try elements("[3.4e38]", count: 1, as: BFloat16.self) }
  }

  @Test func stringsAreRead() throws {
    let text = #""a\n\"\\\/\u00e9\ud83d\ude00é😀""#
    #expect(try scan(text) { try $0.string() } == "a\n\"\\/é😀é😀")
    #expect(try scan(#""""#) { try $0.string() } == "")
  }

  @Test(arguments: [
    "\"", "\"\\", "\"\\x\"", "\"\\u12\"", "\"\\ud800\"", "\"\\ud800\\u0041\"", "\"\\udc00\"",
    "\"\n\"",
    "\"\\u00e", "'a'",
  ])
  func malformedStringsAreRefused(_ text: String) {
    #expect(throws: ServingError.self) { try scan(text) { try $0.string() } }
  }

  @Test func invalidUTF8IsRefused() {
    let bytes: [UInt8] = [0x22, 0xFF, 0x22]
    #expect(throws: ServingError.self) {
      try bytes.withUnsafeBufferPointer { bytes in
        var scanner = JSONScanner(bytes)
        _ = try scanner.string()
      }
    }
  }

  @Test func anyValueIsSkipped() throws {
    try scan(#" {"a":[1,-2.5e3,"x\n",null,true,false,{}],"b":{"c":[]}} "#) { try $0.skip() }
  }

  @Test func whatIsWrittenReadsBackTheSame() throws {
    func check<T: TensorElement>(_ values: [T]) throws {
      var json = JSONWriter()
      let tensor = Tensor(shape: [values.count], values)
      json.elements(of: tensor, as: T.self)
      let read = try elements(String(buffer: json.buffer), count: values.count, as: T.self)
      #expect(Tensor(shape: [values.count], read) == tensor)
    }
    try check((0..<1000).map { _ in Float(bitPattern: .random(in: 0..<0x7F80_0000)) })
    try check((0..<1000).map { _ in Double(bitPattern: .random(in: 0..<0x7FF0_0000_0000_0000)) })
    try check((0..<1000).map { _ in Float16(bitPattern: .random(in: 0..<0x7C00)) })
    try check((0..<1000).map { _ in BFloat16(bits: .random(in: 0..<0x7F80)) })
    try check([Int64.min, .max, 0])
    try check([UInt64.min, .max])
    try check([true, false])
    try check([Float.infinity, -.infinity, -0.0])
    var json = JSONWriter()
    json.string("\u{1}\u{1f}\"\\\n é")
    #expect(try scan(String(buffer: json.buffer)) { try $0.string() } == "\u{1}\u{1f}\"\\\n é")
  }
}
