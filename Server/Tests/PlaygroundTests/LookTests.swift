import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Logging
import NIOCore
import ONNX
import Serving
import Testing

@testable import Playground

@Suite struct LookTests {
  /// Answers of the page's endpoints.
  private func ask(
    _ body: @escaping @Sendable (any TestClientProtocol) async throws -> Void
  ) async throws {
    let server = try InferenceServer(
      ServerOptions(folder: "../models"), logger: Logger(label: "test"))
    let router = server.router()
    try PlaygroundServer(server).addRoutes(to: router)
    try await server.application(router).test(.router, body)
  }

  private struct Graph: Decodable {
    struct Value: Decodable {
      let name: String
      let type: String?
      let isConstant: Bool?
    }
    struct Node: Decodable {
      let op: String
      let inputs: [Int]
      let outputs: [Int]
      let graphs: [Int]
    }
    struct Part: Decodable {
      let inputs: [Int]
      let outputs: [Int]
      let nodes: [Node]
    }
    let id: String
    let parameters: Int
    let values: [Value]
    let graphs: [Part]

    var main: Part { graphs[0] }
  }

  private struct Run: Decodable {
    struct Summary: Decodable {
      let min: Float?
      let mean: Double?
      let max: Float?
      let histogram: [Int]?
      let first: [Float]?
      let tileCount: Int?
    }
    struct Computed: Decodable {
      let value: Int
      let shape: [Int]
      let summary: Summary
    }
    let values: [Computed]
    let times: [[String: Double]]
  }

  private func decode<T: Decodable>(_ type: T.Type, _ response: TestResponse) throws -> T {
    #expect(response.status == .ok, "\(String(buffer: response.body))")
    return try JSONDecoder().decode(type, from: Data(response.body.readableBytesView))
  }

  /// The sentence of an error.
  private func refusal(_ response: TestResponse, _ status: HTTPResponse.Status) -> String {
    #expect(response.status == status)
    return String(buffer: response.body)
  }

  private func upload(
    _ model: Model, _ client: any TestClientProtocol
  ) async throws -> TestResponse {
    try await client.execute(
      uri: "/playground/look/models", method: .post,
      body: ByteBuffer(bytes: try model.serialized()))
  }

  private func run(
    _ id: String, _ json: String, _ client: any TestClientProtocol
  ) async throws -> TestResponse {
    try await client.execute(
      uri: "/playground/look/models/\(id)/run", method: .post, body: ByteBuffer(string: json))
  }

  @Test func everyServedModelIsDescribedAndRuns() async throws {
    try await ask { client in
      let names = try decode(
        [String].self, try await client.execute(uri: "/playground/look/models", method: .get))
      #expect(names.contains("lenet5"))
      for name in names {
        let graph = try decode(
          Graph.self,
          try await client.execute(uri: "/playground/look/models/\(name)", method: .get))
        #expect(!graph.main.nodes.isEmpty && !graph.main.outputs.isEmpty)
        for number in graph.main.outputs { #expect(graph.values[number].type != nil) }
        let result = try decode(Run.self, try await run(name, "{}", client))
        #expect(!result.values.isEmpty && !result.times.isEmpty)
      }
    }
  }

  @Test func aRunOfLeNetGivesEveryValueAndPicturesOfOne() async throws {
    try await ask { client in
      let graph = try decode(
        Graph.self, try await client.execute(uri: "/playground/look/models/lenet5", method: .get))
      #expect(graph.parameters >= 61706)
      let node = try #require(graph.main.nodes.first { $0.op == "Conv" })
      let weight = try #require(node.inputs.dropFirst().first)
      #expect(graph.values[weight].isConstant == true)
      #expect(graph.values[node.outputs[0]].type?.hasPrefix("float32[") == true)

      let result = try decode(
        Run.self,
        try await run("lenet5", #"{"fill":"ones","shapes":{"image":[2,1,28,28]}}"#, client))
      // A node that only gives memory another shape takes no time.
      #expect(result.times.count >= graph.main.nodes.count - 1)
      let maps = try #require(result.values.first { $0.value == node.outputs[0] })
      #expect(maps.shape.count == 4 && maps.shape[0] == 2)
      #expect(maps.summary.histogram?.reduce(0, +) == maps.shape.reduce(1, *))

      let one = try decode(
        Run.self, try await run("lenet5", "{\"value\":\(node.outputs[0])}", client))
      #expect(one.values.count == 1 && one.values[0].summary.tileCount == maps.shape[1])
      let constant = try await client.execute(
        uri: "/playground/look/models/lenet5/constants/\(weight)", method: .get)
      #expect(try decode(Run.Summary.self, constant).first?.isEmpty == false)
    }
  }

  @Test func aServedModelIsSimplified() async throws {
    try await ask { client in
      let path = "/playground/look/models/char_lstm?simplified"
      let graph = try decode(Graph.self, try await client.execute(uri: path, method: .get))
      #expect(graph.main.nodes.contains { $0.op == "LSTM" })
      let uploaded = try decode(Graph.self, try await upload(chain(2), client))
      let response = try await client.execute(
        uri: "/playground/look/models/\(uploaded.id)?simplified", method: .get)
      #expect(refusal(response, .badRequest).contains("only served models are simplified"))
    }
  }

  @Test func theSameSeedGivesTheSameValues() async throws {
    try await ask { client in
      var means: [[Double?]] = []
      for seed in [1, 1, 2] {
        let result = try decode(Run.self, try await run("lenet5", "{\"seed\":\(seed)}", client))
        means.append(result.values.sorted { $0.value < $1.value }.map(\.summary.mean))
      }
      #expect(means[0] == means[1] && means[0] != means[2])
    }
  }

  /// A model whose `If` runs a graph that sees a value around it.
  private var branching: Model {
    func branch(_ name: String, _ op: String) -> ONNX.Graph {
      ONNX.Graph(
        name: name, nodes: [Node(op, inputs: ["x"], outputs: [name])],
        outputs: [ValueInfo(name, .tensor(.float32, [2]))])
    }
    let node = Node(
      "If", name: "choice", inputs: ["c"], outputs: ["y"],
      attributes: [
        .graph("then_branch", branch("a", "Relu")), .graph("else_branch", branch("b", "Neg")),
      ])
    return Model(
      graph: ONNX.Graph(
        nodes: [node],
        inputs: [ValueInfo("c", .tensor(.bool, [Int]())), ValueInfo("x", .tensor(.float32, [2]))],
        outputs: [ValueInfo("y", .tensor(.float32, [2]))]),
      operatorSets: [OperatorSetImport(version: 17)])
  }

  @Test func graphsWithinNodesSeeTheValuesAround() async throws {
    try await ask { client in
      let graph = try decode(Graph.self, try await upload(branching, client))
      #expect(graph.graphs.count == 3 && graph.main.nodes[0].graphs == [1, 2])
      let x = graph.main.inputs[1]
      #expect(graph.graphs[1].nodes[0].inputs == [x] && graph.graphs[2].nodes[0].inputs == [x])
      let result = try decode(Run.self, try await run(graph.id, #"{"fill":"ones"}"#, client))
      #expect(result.values.first { $0.value == graph.main.outputs[0] }?.summary.mean == 1)
    }
  }

  private func chain(_ count: Int) -> Model {
    let nodes = (0..<count).map { Node("Relu", inputs: ["v\($0)"], outputs: ["v\($0 + 1)"]) }
    return Model(
      graph: ONNX.Graph(
        nodes: nodes, inputs: [ValueInfo("v0", .tensor(.float32, [4]))],
        outputs: [ValueInfo("v\(count)", .tensor(.float32, [4]))]),
      operatorSets: [OperatorSetImport(version: 17)])
  }

  @Test func aLongChainIsDescribedAndAVeryLongOneRefused() async throws {
    try await ask { client in
      let graph = try decode(Graph.self, try await upload(chain(1000), client))
      #expect(graph.main.nodes.count == 1000 && graph.values.count == 1001)
      let error = refusal(try await upload(chain(20_001), client), .contentTooLarge)
      #expect(error.contains("more than 20000 nodes"))
    }
  }

  @Test func functionsThatCallThemselvesAreDescribedOnce() async throws {
    var model = Model(
      graph: ONNX.Graph(
        nodes: [Node("F", domain: "own", inputs: ["x"], outputs: ["y"])],
        inputs: [ValueInfo("x", .tensor(.float32, [1]))], outputs: [ValueInfo("y", nil)]),
      operatorSets: [OperatorSetImport(version: 17), OperatorSetImport(domain: "own", version: 1)])
    model.functions = [
      Function(
        "F", domain: "own", inputs: ["a"], outputs: ["b"],
        nodes: [Node("F", domain: "own", inputs: ["a"], outputs: ["b"])],
        operatorSets: [OperatorSetImport(domain: "own", version: 1)])
    ]
    let uploaded = model
    try await ask { client in
      let graph = try decode(Graph.self, try await upload(uploaded, client))
      #expect(graph.graphs.count == 2 && graph.graphs[1].nodes[0].graphs == [1])
      let error = refusal(try await run(graph.id, "{}", client), .badRequest)
      #expect(error.contains("error"))
    }
  }

  @Test func wrongRequestsAreRefusedInOneSentence() async throws {
    try await ask { client in
      for (bytes, reason) in [
        ([], "error"), ([0xFF, 0xFE, 1, 2, 3], "error"),
        (Array("{\"layers\":[]}".utf8), "no layer"),
        (Array("{\"graph\":{\"node\":[{\"opType\":3}]}}".utf8), "line 1"),
      ] as [([UInt8], String)] {
        let response = try await client.execute(
          uri: "/playground/look/models", method: .post, body: ByteBuffer(bytes: bytes))
        #expect(refusal(response, .badRequest).contains(reason))
      }
      for (path, reason) in [
        ("nothing", "no model 'nothing'"), ("upload-1", "no longer kept"),
        ("lenet5/constants/-1", "no constant -1"), ("lenet5/constants/x", "no constant x"),
        ("..%2FPackage", "no model"),
      ] {
        let response = try await client.execute(
          uri: "/playground/look/models/\(path)", method: .get)
        #expect(refusal(response, .notFound).contains(reason))
      }
      for (json, reason) in [
        ("[]", "expected"), (#"{"fill":"x"}"#, "not valid JSON of the expected form"),
        (#"{"shapes":{"image":[1,1,28,29]}}"#, "does not fit"),
        (#"{"shapes":{"image":[-1,1,28,28]}}"#, "does not fit"),
        (#"{"shapes":{"image":[1]}}"#, "does not fit"),
        (#"{"shapes":{"other":[1]}}"#, "the model has no input 'other'"),
        (#"{"shapes":{"image":[9000000000000000000,1,28,28]}}"#, "has more than 4194304 elements"),
        (
          #"{"inputs":[{"name":"image","data":"AAAA"}]}"#,
          "expected 3136 bytes of float32 in base64"
        ),
        (#"{"value":-2}"#, "computes no value -2"),
      ] {
        #expect(refusal(try await run("lenet5", json, client), .badRequest).contains(reason))
      }
    }
  }

  @Test func inputsThatAreNoTensorsCannotBeFilled() async throws {
    let type = ValueType.sequence(.tensor(.float32, [2]))
    let model = Model(
      graph: ONNX.Graph(
        nodes: [Node("Identity", inputs: ["s"], outputs: ["y"])],
        inputs: [ValueInfo("s", type)], outputs: [ValueInfo("y", type)]),
      operatorSets: [OperatorSetImport(version: 17)])
    try await ask { client in
      let graph = try decode(Graph.self, try await upload(model, client))
      let error = refusal(try await run(graph.id, "{}", client), .badRequest)
      #expect(error.contains("is sequence(float32[2]), but a run needs tensors"))
    }
  }

  @Test func tilesAreMeansOfBlocks() throws {
    let tensor = Tensor(shape: [1, 2, 2, 4], (0..<16).map(Float.init))
    let summary = TensorSummary(tensor, bins: 4, tiles: 1, side: 2, first: 3)
    #expect(summary.tiles?.shape == [1, 2, 2] && summary.tileCount == 2)
    #expect(summary.tiles?.data == Values(shape: [], [0.5, 2.5, 4.5, 6.5]).data)
    #expect(summary.histogram == [4, 4, 4, 4] && summary.first == [0, 1, 2])
    let odd = TensorSummary(Tensor([.nan, .infinity, 2] as [Float]), tiles: 1, side: 2)
    #expect(odd.unusual == 2 && odd.min == 2 && odd.histogram == nil)
  }
}
