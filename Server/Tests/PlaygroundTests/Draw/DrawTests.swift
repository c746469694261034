import Foundation
import Hummingbird
import HummingbirdTesting
import Logging
import ONNX
import ONNXExplain
import ONNXImages
import Serving
import Testing

@testable import Playground

/// The endpoints of the page Draw.
struct DrawTests {
  static let models = "../models"
  static let root = "/playground/draw"

  private func playground(
    _ folder: String = models,
    _ body: @escaping @Sendable (any TestClientProtocol) async throws -> Void
  ) async throws {
    let server = try InferenceServer(ServerOptions(folder: folder), logger: Logger(label: "test"))
    let router = server.router()
    try PlaygroundServer(server).addRoutes(to: router)
    try await server.application(router).test(.router, body)
  }

  private func json<T: Decodable>(
    _ client: any TestClientProtocol, _ path: String, _ type: T.Type
  ) async throws -> T {
    try await client.execute(uri: "\(Self.root)/\(path)", method: .get) { response in
      #expect(response.status == .ok)
      return try JSONDecoder().decode(type, from: Data(response.body.readableBytesView))
    }
  }

  private func bytes(_ samples: [Float]) -> ByteBuffer {
    ByteBuffer(
      bytes: samples.flatMap { withUnsafeBytes(of: $0.bitPattern.littleEndian, Array.init) })
  }

  /// The samples of a picture without a pattern.
  private func samples(_ shape: [Int]) -> [Float] {
    (0..<shape.reduce(1, *)).map { Float($0 * 7919 % 1000) / 999 }
  }

  private func digit(_ number: Int) throws -> [Float] {
    try Image(contentsOf: "\(Self.models)/digits/\(number).png").tensor(channels: 1)
      .array(as: Float.self)
  }

  private func error(_ response: TestResponse) throws -> String {
    try JSONDecoder().decode(
      [String: String].self, from: Data(response.body.readableBytesView))["error"] ?? ""
  }

  @Test func modelsThatTakeNoPictureAreListedWithTheReason() async throws {
    struct Info: Decodable {
      let name: String
      let shape: [Int]?
      let reason: String?
    }
    try await playground { client in
      let list = try await json(client, "models", [Info].self)
      let lenet = try #require(list.first { $0.name == "lenet5" })
      #expect(lenet.shape == [1, 28, 28] && lenet.reason == nil)
      let text = try #require(list.first { $0.name == "char_rnn" })
      #expect(text.reason == "it has 2 inputs, and a drawing is only one")
    }
  }

  @Test func theDigitsOfTheFolderAreExamples() async throws {
    struct Example: Decodable {
      let name: String
      let pixels: DescribedModel.Numbers
    }
    let seven = try digit(7)
    try await playground { client in
      let examples = try await json(client, "examples", [Example].self)
      #expect(examples.map(\.name) == (0..<10).map { "\($0)" })
      #expect(examples[7].pixels.shape == [28, 28])
      #expect(examples[7].pixels.floats == seven)
    }
  }

  @Test func aRunGivesTheValuesOfASession() async throws {
    let samples = try digit(7)
    let session = try Session(contentsOf: "\(Self.models)/lenet5.onnx")
    let logits = try #require(
      try await session.run(["image": Tensor(shape: [1, 1, 28, 28], samples)])["logits"]
    ).array(as: Float.self)
    try await playground { client in
      let model = try await json(client, "models/lenet5", DescribedModel.self)
      #expect(
        model.steps.map(\.kind) == [
          "picture", "convolution", "activation", "average", "convolution", "activation",
          "average", "reshape", "dense", "activation", "dense", "activation", "dense", "softmax",
        ])
      try await client.execute(
        uri: "\(Self.root)/models/lenet5/run", method: .post, body: bytes(samples)
      ) { response in
        let values = model.values(Data(response.body.readableBytesView))
        let place = try #require(model.steps.firstIndex { $0.output == "logits" })
        #expect(zip(values[place], logits).allSatisfy { abs($0 - $1) < 1e-4 })
        let probabilities = try #require(values.last)
        #expect(probabilities.firstIndex(of: probabilities.max() ?? 0) == 7)
        #expect(model.steps.last?.added == true)
      }
    }
  }

  @Test(arguments: ["lenet5", "lenet5_max", "blur", "edges", "mixed"])
  func theDescriptionReproducesEveryValue(_ name: String) async throws {
    let folder = name == "mixed" ? try MixedModel.folder() : Self.models
    defer { if name == "mixed" { try? FileManager.default.removeItem(atPath: folder) } }
    try await playground(folder) { client in
      let model = try await json(client, "models/\(name)", DescribedModel.self)
      let samples = samples(model.shape)
      let values = try await client.execute(
        uri: "\(Self.root)/models/\(name)/run", method: .post, body: bytes(samples)
      ) { response in
        #expect(response.body.readableBytes == 4 * model.steps.reduce(0) { $0 + $1.count })
        return model.values(Data(response.body.readableBytesView))
      }
      for (step, found) in zip(model.steps, values).dropFirst() {
        guard let computed = model.computed(step, values) else {
          #expect(step.operator == "ReduceMax")
          continue
        }
        #expect(computed.count == found.count, "\(step.name)")
        let difference = zip(computed, found).map { abs($0 - $1) }.max() ?? .nan
        #expect(difference < 1e-4, "\(step.name) differs by \(difference)")
      }
    }
  }

  @Test func metadataNormalisesThePictureAndNamesTheClasses() async throws {
    let folder = try MixedModel.folder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try await playground(folder) { client in
      let model = try await json(client, "models/mixed", DescribedModel.self)
      #expect(model.classes == MixedModel.classes)
      #expect(model.steps[1].name == "first" && model.steps[1].window?.after == [2, 1])
      let samples = [Float](repeating: 0.5, count: 360)
      try await client.execute(
        uri: "\(Self.root)/models/mixed/run", method: .post, body: bytes(samples)
      ) { response in
        let picture = model.values(Data(response.body.readableBytesView))[0]
        #expect(abs(picture[0] - 0.2) < 1e-6 && abs(picture[359] + 0.2) < 1e-6)
      }
    }
  }

  @Test(arguments: ["activation", "saliency"])
  func aHeatMapIsThatOfTheLibrary(_ method: String) async throws {
    struct Heat: Decodable {
      let method: String
      let `class`: Int
      let score: Float
      let map: DescribedModel.Numbers
    }
    let samples = try digit(3)
    let explained = ExplainedModel(
      try Model(contentsOf: "\(Self.models)/lenet5.onnx"),
      inputs: ["image": .tensor(Tensor(shape: [1, 1, 28, 28], samples))])
    let wanted =
      method == "saliency"
      ? try explained.saliency(class: "3").map
      : try explained.classActivation(of: ["3"]).entries[0].map
    try await playground { client in
      try await client.execute(
        uri: "\(Self.root)/models/lenet5/heat?class=3&method=\(method)", method: .post,
        body: bytes(samples)
      ) { response in
        let heat = try JSONDecoder().decode(
          Heat.self, from: Data(response.body.readableBytesView))
        #expect(heat.method == (method == "saliency" ? "saliency" : "Grad-CAM"))
        #expect(heat.class == 3 && heat.score > 0)
        #expect(heat.map.shape == (method == "saliency" ? [28, 28] : [5, 5]))
        #expect(zip(heat.map.floats, wanted).allSatisfy { abs($0 - $1) < 1e-4 })
      }
    }
  }

  @Test func wrongRequestsAreRefused() async throws {
    let blank = [Float](repeating: 0, count: 784)
    var (wrong, large) = (blank, blank)
    wrong[5] = .nan
    large[5] = 255
    let cases: [(String, [Float], HTTPResponse.Status, String)] = [
      ("nothing/run", blank, .notFound, "no model 'nothing' is loaded"),
      (
        "char_rnn/run", blank, .badRequest,
        "the model 'char_rnn' cannot be drawn: it has 2 inputs, and a drawing is only one"
      ),
      (
        "lenet5/run", [0, 1], .badRequest,
        "expected 784 samples (3136 bytes) of a picture [1, 28, 28], found 8 bytes"
      ),
      (
        "lenet5/run", blank + blank, .contentTooLarge, "the body has 6272 bytes, more than 3136"
      ),
      ("lenet5/run", wrong, .badRequest, "expected samples from 0 to 1, found nan"),
      ("lenet5/run", large, .badRequest, "expected samples from 0 to 1, found 255.0"),
      (
        "lenet5/heat?class=10&method=saliency", blank, .badRequest,
        "expected a class from 0 to 9, found 10"
      ),
      (
        "lenet5/heat?class=-1&method=activation", blank, .badRequest,
        "expected a class from 0 to 9, found -1"
      ),
      (
        "lenet5/heat?class=x&method=saliency", blank, .badRequest,
        "expected the index of a class as 'class'"
      ),
      (
        "lenet5/heat?class=1&method=magic", blank, .badRequest,
        "expected 'method' to be 'activation' or 'saliency'"
      ),
      (
        "blur/heat?class=0&method=saliency", [Float](repeating: 0, count: 4096), .badRequest,
        "the model 'blur' gives no scores of classes"
      ),
    ]
    try await playground { client in
      for (path, samples, status, sentence) in cases {
        try await client.execute(
          uri: "\(Self.root)/models/\(path)", method: .post, body: bytes(samples)
        ) { response in
          #expect(response.status == status, "\(path)")
          let found = try error(response)
          #expect(found == sentence)
        }
      }
    }
  }

  @Test func aPictureFileIsCutToASquare() async throws {
    let pixels = (0..<1200).map { UInt8($0 % 199) }
    let image = Image(width: 40, height: 30, channels: 1, pixels: pixels)
    let file = try image.pngData()
    try await playground { client in
      try await client.execute(
        uri: "\(Self.root)/picture", method: .post, body: ByteBuffer(bytes: file)
      ) { response in
        #expect(response.headers[.contentType] == "image/png")
        let square = try Image(decoding: Array(response.body.readableBytesView))
        #expect(square.width == 30 && square.height == 30)
        #expect(square.pixels[0] == pixels[5] && square.pixels[31] == pixels[46])
      }
    }
  }

  @Test func picturesThatAreTooLargeOrBrokenAreRefused() async throws {
    let file = try Image(width: 9, height: 9, channels: 1, pixels: Array(repeating: 9, count: 81))
      .pngData()
    var huge = file
    // The width and height in the header, 60,000 each.
    huge.replaceSubrange(16..<24, with: [0, 0, 0xEA, 0x60, 0, 0, 0xEA, 0x60])
    let cases: [([UInt8], HTTPResponse.Status)] = [
      (huge, .badRequest), (Array(file.prefix(40)), .badRequest),
      (Array("hello".utf8), .badRequest),
      ([], .badRequest), (Array(repeating: 0, count: PictureFiles.maxBytes + 1), .contentTooLarge),
    ]
    try await playground { client in
      for (bytes, status) in cases {
        try await client.execute(
          uri: "\(Self.root)/picture", method: .post, body: ByteBuffer(bytes: bytes)
        ) { response in
          #expect(response.status == status)
          let found = try error(response)
          #expect(!found.isEmpty)
        }
      }
    }
  }
}
