import ONNX
import TestRanks
import Testing

@testable import ONNXTraining

/// The operator `AllReduce` with an exchange between ranks.
@Suite struct AllReduceGradientTests {
  private static let shards = 4

  /// `y = (Σ x²)²`, where the sum is over shards, and the loss `Σ w · y` of a shard.
  private static func model(
    slot: Int = 0, gradientSlot: Int? = 1, size: Int = 3
  ) -> Model {
    var builder = GraphBuilder(taken: ["x", "w", "shard"])
    let sum = builder.privateNode(
      "AllReduce", [builder.mul("x", "x"), "shard"],
      [.int("slot", slot), .int("blocking", 1)]
        + (gradientSlot.map { [.int("gradient_slot", $0)] } ?? []))
    let loss = builder.reduceSum(builder.mul("w", builder.mul(sum, sum)), keepAxes: false)
    let graph = Graph(
      nodes: builder.nodes,
      inputs: [
        ValueInfo("x", .tensor(.float64, [.size(size)])),
        ValueInfo("w", .tensor(.float64, [.size(size)])),
        ValueInfo("shard", .tensor(.int64, [])),
      ], outputs: [ValueInfo(loss, nil)], initializers: builder.initializers)
    return Model(graph: graph, operatorSets: [OperatorSetImport(version: 20)])
  }

  /// Runs a model on all shards at once.
  /// - Returns: the only output of each shard
  private static func run(
    _ model: Model, _ x: [[Double]], ranks: Int, shard: (@Sendable (Int) -> Int)? = nil
  ) throws -> [[Double]] {
    try withRanks(ranks, delays: 3) { communicator in
      let type = TensorType(.float64, [3])
      let exchange = try ShardExchange(
        slots: [type, type], blocking: [0, 1], shards: shards, communicator: communicator)
      var options = SessionOptions()
      options.threads = 1
      options.exchange = exchange
      let session = try Session(model, options: options)
      let local = exchange.localShards
      return try withRanks(local.count) { thread in
        let number = local.lowerBound + thread.rank
        let terms = x[number]
        do {
          let outputs = try session.run([
            "x": Tensor(shape: [terms.count], terms),
            "w": Tensor(shape: [terms.count], terms.indices.map { Double(number + $0) / 4 - 0.3 }),
            "shard": Tensor(Int64(shard?(number) ?? number)),
          ])
          return try #require(outputs.values.first).array(as: Double.self)
        } catch {
          // The other shards wait no longer.
          exchange.fail(.model("\(error)"))
          throw error
        }
      }
    }.flatMap(\.self)
  }

  @Test(arguments: [1, 2, 3, 4]) func gradientsAreThoseOfAllShards(ranks: Int) throws {
    let x = (0..<Self.shards).map { shard in
      (0..<3).map { (index: Int) -> Double in
        let number = (shard * 5 + index * 3) % 7
        return Double(number) / 4 - 0.6
      }
    }
    let model = Self.model()
    let loss = try #require(model.graph.outputs.first?.name)
    var differentiation = try Differentiation(model)
    let gradient = try #require(try differentiation.gradients(of: loss, by: ["x"])["x"])
    var backward = model
    backward.graph = differentiation.graph
    backward.graph.outputs = [ValueInfo(gradient, nil)]
    let gradients = try Self.run(backward, x, ranks: ranks)
    for shard in 0..<Self.shards {
      let index = shard % 3
      func total(_ change: Double) throws -> Double {
        var x = x
        x[shard][index] += change
        return try Self.run(model, x, ranks: ranks).reduce(0) { $0 + $1[0] }
      }
      let h = 1e-4
      let expected = try (total(h) - total(-h)) / (2 * h)
      #expect(abs(gradients[shard][index] - expected) < 1e-5, "shard \(shard), element \(index)")
    }
  }

  @Test func wrongSlotsShardsAndSizesAreErrors() throws {
    func message(
      _ model: Model, size: Int = 3, shard: (@Sendable (Int) -> Int)? = nil
    ) -> String {
      do {
        _ = try Self.run(
          model, Array(repeating: Array(repeating: 1, count: size), count: Self.shards), ranks: 1,
          shard: shard)
      } catch { return "\(error)" }
      return "no error"
    }
    #expect(
      message(Self.model(slot: -1)).contains(
        "shards do not wait for sum -1: expected one of [0, 1]"))
    #expect(message(Self.model(), shard: { $0 + 4 }).contains("no sum 0 of shard"))
    #expect(message(Self.model(), shard: { _ in 1 }).contains("shard 1 adds to sum 0 twice"))
    #expect(
      message(Self.model(size: 2), size: 2).contains("sum 0: expected 24 bytes, got 16"))
  }

  @Test func aGradientNeedsASlot() throws {
    let model = Self.model(gradientSlot: nil)
    let error = #expect(throws: (any Error).self) {
      var differentiation = try Differentiation(model)
      _ = try differentiation.gradients(of: model.graph.outputs[0].name, by: ["x"])
    }
    #expect("\(try #require(error))".contains("gradient_slot"))
  }
}
