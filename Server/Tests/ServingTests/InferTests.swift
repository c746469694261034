import Foundation
import Hummingbird
import HummingbirdTesting
import ONNX
import Testing

@testable import Serving

struct InferTests {
  static let datatypes: [(Datatype, ElementType)] = Datatype.allCases.map {
    ($0, $0.type.elementType)
  }

  private func input(_ datatype: String, _ shape: String, _ data: String) -> String {
    #"{"inputs":[{"name":"x","datatype":"\#(datatype)","shape":\#(shape),"data":\#(data)}]}"#
  }

  @Test func everyDatatypeIsCarriedAsJSON() async throws {
    let folder = try TestFolder()
    let data: [Datatype: String] = [
      .bool: "[true,false]", .int8: "[-128,127]", .int16: "[-32768,32767]",
      .int32: "[-2147483648,2147483647]", .int64: "[-9223372036854775808,9223372036854775807]",
      .uint8: "[0,255]", .uint16: "[0,65535]", .uint32: "[0,4294967295]",
      .uint64: "[0,18446744073709551615]", .fp16: "[0.1,65504.0]", .fp32: "[0.1,Infinity]",
      .fp64: "[0.1,5e-324]", .bf16: "[0.5,-2.0]", .bytes: #"["a\"é","\u0001"]"#,
    ]
    for (datatype, type) in Self.datatypes {
      try folder.identity("\(datatype.rawValue).onnx", type)
    }
    try await withServer(folder.options) { server in
      for (datatype, _) in Self.datatypes {
        let data = try #require(data[datatype])
        let name = datatype.rawValue
        let response = try await server.post(
          "/v2/models/\(name)/infer", input(name, "[2]", data))
        #expect(
          response.text
            == #"{"model_name":"\#(name)","model_version":"1","outputs":[{"name":"y","datatype":""#
            + #"\#(name)","shape":[2],"data":\#(data)}]}"#)
      }
    }
  }

  @Test func binaryDataIsCarriedUnchanged() async throws {
    let folder = try TestFolder()
    try folder.identity("m.onnx", .float32, [.unknown, .unknown])
    let header =
      #"{"id":"7","inputs":[{"name":"x","datatype":"FP32","shape":[1,3],"parameters":"#
      + #"{"binary_data_size":12}}],"parameters":{"binary_data_output":true}}"#
    let body: [Float] = [1.5, .infinity, -0.0]
    try await withServer(folder.options) { server in
      var buffer = ByteBuffer(string: header)
      buffer.writeBytes(body.withUnsafeBytes { Array($0) })
      let response = try await server.client.execute(
        uri: "/v2/models/m/versions/1/infer", method: .post,
        headers: [.inferenceHeaderLength: "\(header.utf8.count)"], body: buffer
      ) { $0 }
      #expect(response.status == .ok)
      let length = try #require(Int(response.headers[.inferenceHeaderLength] ?? ""))
      var result = response.body
      #expect(
        result.readString(length: length)
          == #"{"model_name":"m","model_version":"1","id":"7","outputs":[{"name":"y","datatype":"#
          + #""FP32","shape":[1,3],"parameters":{"binary_data_size":12}}]}"#)
      #expect(Array(buffer: result) == body.withUnsafeBytes { Array($0) })
    }
  }

  @Test func membersMayComeInAnyOrder() async throws {
    let folder = try TestFolder()
    try folder.identity("m.onnx", .int64)
    try await withServer(folder.options) { server in
      let body =
        #"{"outputs":[],"inputs":[{"data":[[1],[2]],"shape":[2],"datatype":"INT64","name":"x"}]}"#
      let response = try await server.post("/v2/models/m/infer", body)
      #expect(response.text.hasSuffix(#""shape":[2],"data":[1,2]}]}"#))
    }
  }

  @Test func nullIsAsGoodAsNothing() async throws {
    let folder = try TestFolder()
    try folder.identity("m.onnx", .int64)
    try await withServer(folder.options) { server in
      let body =
        #"{"id":null,"parameters":null,"inputs":[{"name":"x","datatype":"INT64","shape":[1],"#
        + #""data":[1],"parameters":null}],"outputs":null}"#
      let response = try await server.post("/v2/models/m/infer", body)
      #expect(response.text.hasSuffix(#""shape":[1],"data":[1]}]}"#))
    }
  }

  @Test func classesAreTheHighestValues() async throws {
    let folder = try TestFolder()
    try folder.identity("m.onnx", .float32, [.unknown, .unknown])
    let body =
      #"{"inputs":[{"name":"x","datatype":"FP32","shape":[2,3],"data":[0.5,2,1,9,8,7]}],"#
      + #""outputs":[{"name":"y","parameters":{"classification":2}}]}"#
    try await withServer(folder.options) { server in
      let response = try await server.post("/v2/models/m/infer", body)
      #expect(
        response.text.hasSuffix(
          #""datatype":"BYTES","shape":[2,2],"data":["2.0:1","1.0:2","9.0:0","8.0:1"]}]}"#))
    }
  }

  @Test func emptyTensorsAreCarried() async throws {
    let folder = try TestFolder()
    try folder.identity("m.onnx", .string)
    try await withServer(folder.options) { server in
      let response = try await server.post("/v2/models/m/infer", input("BYTES", "[0]", "[]"))
      #expect(response.text.hasSuffix(#""shape":[0],"data":[]}]}"#))
    }
  }

  /// Bodies that are wrong, and a part of the answer.
  static let wrong: [(String, String)] = [
    ("", "expected an object"),
    ("[]", "expected an object"),
    ("{", "expected a string"),
    ("{} x", "expected the end"),
    (#"{"inputs":[]}"#, "'x' is missing"),
    (#"{"input":[]}"#, "has no 'input'"),
    (#"{"inputs":[{}]}"#, "lacks 'name'"),
    (#"{"inputs":[{"name":"x"}]}"#, "'datatype' is missing"),
    (#"{"inputs":[{"name":"x","datatype":"FP32"}]}"#, "'shape' is missing"),
    (#"{"inputs":[{"name":"x","datatype":"FP32","shape":[1]}]}"#, "'data' or the parameter"),
    (#"{"inputs":[{"name":"x","datatype":"INT4","shape":[1]}]}"#, "'INT4' is none of BOOL"),
    (#"{"inputs":[{"name":"x","datatype":"FP32","shape":[-1],"data":[1]}]}"#, "the size -1"),
    (#"{"inputs":[{"name":"x","datatype":"FP32","shape":[2],"data":[1]}]}"#, "1 elements"),
    (#"{"inputs":[{"name":"x","datatype":"FP32","shape":[1],"data":[1,2]}]}"#, "more elements"),
    (#"{"inputs":[{"name":"x","datatype":"FP32","shape":[1],"data":["1"]}]}"#, "expected a number"),
    (#"{"inputs":[{"name":"x","datatype":"FP32","shape":[1],"data":[1e39]}]}"#, "range of FP32"),
    (#"{"inputs":[{"name":"x","datatype":"INT32","shape":[1],"data":[1]}]}"#, "expected float32"),
    (#"{"inputs":[{"name":"z","datatype":"FP32","shape":[1],"data":[1]}]}"#, "has no 'z'"),
    (
      #"{"inputs":[{"name":"x","datatype":"FP32","shape":[1000000],"data":[1]}]}"#, "fewer elements"
    ),
    (
      #"{"inputs":[{"name":"x","datatype":"FP32","shape":[4294967296,4294967296,0],"data":[]}]}"#,
      "which is the limit"
    ),
    (
      #"{"inputs":[{"name":"x","datatype":"FP32","shape":[1],"data":[1],"parameters":{"a":1}}]}"#,
      "no such parameter"
    ),
    (
      #"{"inputs":[{"name":"x","datatype":"FP32","shape":[1],"parameters":"#
        + #"{"binary_data_size":4}}]}"#, "0 bytes of binary data are left"
    ),
    (
      #"{"inputs":[{"name":"x","datatype":"FP32","shape":[1],"parameters":"#
        + #"{"shared_memory_region":"r"}}]}"#, "shared memory"
    ),
    (
      #"{"inputs":[{"name":"x","datatype":"FP32","shape":[1],"data":[1]}],"#
        + #""outputs":[{"name":"z"}]}"#, "no output 'z'"
    ),
    (
      #"{"inputs":[{"name":"x","datatype":"FP32","shape":[1],"data":[1]}],"#
        + #""outputs":[{"name":"y"},{"name":"y"}]}"#, "requested twice"
    ),
    (#"{"parameters":{"sequence_id":1}}"#, "no state is kept"),
    (#"{"parameters":{"priority":1}}"#, "same priority"),
    (#"{"parameters":{"other":1}}"#, "'other': this server has no such parameter"),
  ]

  @Test func wrongBodiesAreRefusedWithTheReason() async throws {
    let folder = try TestFolder()
    try folder.identity("m.onnx", .float32)
    try await withServer(folder.options) { server in
      for (body, reason) in Self.wrong {
        let response = try await server.post("/v2/models/m/infer", body)
        #expect((400..<500).contains(response.status.code), "\(body)")
        #expect(response.text.contains(reason), "\(body): \(response.text)")
        #expect(response.text.hasPrefix(#"{"error":""#))
      }
    }
  }

  @Test func wrongBinaryDataIsRefused() async throws {
    let folder = try TestFolder()
    try folder.identity("m.onnx", .string)
    let header =
      #"{"inputs":[{"name":"x","datatype":"BYTES","shape":[1],"parameters":{"binary_data_size":6}}]}"#
    try await withServer(folder.options) { server in
      for (bytes, reason) in [
        ([9, 0, 0, 0, 1, 1], "has 9 bytes, but only 2 follow"),
        ([1, 0, 0, 0, 65, 65], "1 bytes follow"),
        ([2, 0, 0, 0, 0xC3, 0x28], "not valid UTF-8"),
        ([2, 0, 0, 0, 65, 65, 65], "no input takes the last 1 bytes"),
        ([2, 0, 0], "3 bytes of binary"),
      ] as [([UInt8], String)] {
        var body = ByteBuffer(string: header)
        body.writeBytes(bytes)
        let response = try await server.client.execute(
          uri: "/v2/models/m/infer", method: .post,
          headers: [.inferenceHeaderLength: "\(header.utf8.count)"], body: body
        ) { $0 }
        #expect(response.status == .badRequest)
        #expect(response.text.contains(reason), "\(response.text)")
      }
      for length in ["x", "-1", "1000000"] {
        let response = try await server.post(
          "/v2/models/m/infer", header, headers: [.inferenceHeaderLength: length])
        #expect(response.status == .badRequest)
        #expect(response.text.contains("Inference-Header-Content-Length is "))
      }
    }
  }

  @Test func limitsAreKept() async throws {
    let folder = try TestFolder()
    try folder.identity("m.onnx", .float32)
    var options = folder.options
    options.maxBody = 200
    options.maxElements = 3
    try await withServer(options) { server in
      let large = String(repeating: " ", count: 201)
      let many = input("FP32", "[4]", "[1,2,3,4]")
      for body in [large, many] {
        let response = try await server.post("/v2/models/m/infer", body)
        #expect(response.status == .contentTooLarge)
      }
    }
  }

  @Test func aRunMayNotTakeMoreMemoryThanTheLimit() async throws {
    let folder = try TestFolder()
    try folder.write(
      "m.onnx", .int64, [1], .float32, [.unknown],
      [Node("ConstantOfShape", inputs: ["x"], outputs: ["y"])])
    var options = folder.options
    options.maxMemory = 1 << 20
    try await withServer(options) { server in
      for (size, status) in [("1000", 200), ("1000000", 413), ("1000000000000", 413), ("-1", 400)] {
        let response = try await server.post(
          "/v2/models/m/infer", input("INT64", "[1]", "[\(size)]"))
        #expect(response.status.code == status, "\(response.text.prefix(200))")
      }
    }
  }

  @Test func longNamesAreCutInErrors() async throws {
    let folder = try TestFolder()
    try folder.identity("m.onnx", .float32)
    let name = String(repeating: "e\u{301}", count: 100_000)
    try await withServer(folder.options) { server in
      let response = try await server.post(
        "/v2/models/m/infer", #"{"inputs":[{"name":"\#(name)","datatype":"X"}]}"#)
      #expect(response.status == .badRequest)
      #expect(response.text.utf8.count < 1000)
    }
  }

  /// 500 bodies with a few bytes changed, moved or cut are each answered, none with a status of 5xx.
  @Test func mutatedBodiesAreAnswered() async throws {
    let folder = try TestFolder()
    try folder.identity("m.onnx", .float32)
    try folder.identity("s.onnx", .string)
    let header =
      #"{"id":"é\u00e9","inputs":[{"name":"x","shape":[2],"datatype":"BYTES","parameters":{"#
      + #""binary_data_size":12}}],"outputs":[{"name":"y","parameters":{"binary_data":true}}]}"#
    let binary = Array(header.utf8) + [2, 0, 0, 0, 65, 66, 2, 0, 0, 0, 0xC3, 0xA9]
    let text = Array(
      (#"{"id":"1","inputs":[{"name":"x","shape":[3],"datatype":"FP32","data":[1.5,-2e1,"#
        + #"0.25]}],"outputs":[{"name":"y","parameters":{"classification":2}}],"#
        + #""parameters":{"timeout":1000000}}"#).utf8)
    try await withServer(folder.options) { server in
      var random = RandomNumbers(state: 17)
      for round in 0..<500 {
        let isBinary = round % 2 == 0
        let body = Self.mutated(isBinary ? binary : text, &random)
        let response = try await server.client.execute(
          uri: isBinary ? "/v2/models/s/infer" : "/v2/models/m/infer", method: .post,
          headers: isBinary ? [.inferenceHeaderLength: "\(header.utf8.count)"] : [:],
          body: ByteBuffer(bytes: body)
        ) { $0 }
        #expect(response.status.code < 500, "\(String(decoding: body, as: UTF8.self))")
      }
      #expect(try await server.get("/v2/health/ready").status == .ok)
    }
  }

  private static func mutated(_ body: [UInt8], _ random: inout RandomNumbers) -> [UInt8] {
    var body = body
    let signs = Array(#"{}[]",:\0129-.eE+NItfnu "#.utf8) + [0, 0xFF, 0xC3]
    for _ in 0..<Int.random(in: 1...4, using: &random) where !body.isEmpty {
      let index = Int.random(in: body.indices, using: &random)
      switch Int.random(in: 0..<5, using: &random) {
      case 0: body.remove(at: index)
      case 1: body.insert(signs.randomElement(using: &random) ?? 0, at: index)
      case 2: body[index] = signs.randomElement(using: &random) ?? 0
      case 3: body.insert(contentsOf: body[index..<min(index + 20, body.count)], at: index)
      default: body.removeLast(Int.random(in: 0...min(20, body.count), using: &random))
      }
    }
    return body
  }
}

/// The same numbers in every run.
struct RandomNumbers: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return state ^ (state >> 29)
  }
}
