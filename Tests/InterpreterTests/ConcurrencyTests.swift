import ONNX
import Synchronization
import TestThreads
import Testing

/// Models with every kind of kernel on many threads. `tools/test --sanitize thread --filter
/// ConcurrencyTests` detects data races.
@Suite struct ConcurrencyTests {
  /// A model gives the same bits with any number of threads.
  @Test(arguments: Models.parallel) func theNumberOfThreadsChangesNoBit(
    _ test: ParallelModel
  ) throws {
    let (name, model, x) = (test.name, test.model, numbers(test.x))
    var algorithms: [ConvolutionAlgorithm] = [.automatic]
    if name == "convolutions" {
      algorithms += [.exact, .winograd(size: 2), .winograd(size: 4), .winograd(size: 6)]
    }
    for algorithm in algorithms {
      var options = SessionOptions()
      options.convolution = algorithm
      let results = try [1, 2, 3].map { threads in
        options.threads = threads
        return try Session(model, options: options).run(["x": x])
      }
      #expect(results[0] == results[1], "\(name), \(algorithm)")
      #expect(results[0] == results[2], "\(name), \(algorithm)")
    }
  }

  /// Threads share a session, run bound sessions of it, and run separate sessions.
  @Test func manySessionsAndThreadsAtOnceAgree() throws {
    var options = SessionOptions()
    options.threads = 2
    let jobs = try Models.parallel.map { test in
      let session = try Session(test.model, options: options)
      let inputs = ["x": numbers(test.x)]
      return (session: session, inputs: inputs, expected: try session.run(inputs))
    }
    let failures = Atomic<Int>(0)
    withThreads(6) { thread in
      for round in 0..<3 {
        for (index, job) in jobs.enumerated() {
          do {
            if (thread + index + round) % 2 == 0 {
              let result = try job.session.run(job.inputs)
              if result != job.expected { failures.add(1, ordering: .relaxed) }
            } else {
              let bound = try job.session.bind(inputs: job.inputs)
              for _ in 0..<2 { try bound.run() }
              let result = try bound.output("y")
              if result != job.expected["y"] { failures.add(1, ordering: .relaxed) }
            }
          } catch {
            failures.add(1, ordering: .relaxed)
          }
        }
      }
    }
    #expect(failures.load(ordering: .relaxed) == 0)
  }

  /// Sessions and their thread pools start and end concurrently.
  @Test func sessionsMayBeMadeOnManyThreads() throws {
    let failures = Atomic<Int>(0)
    withThreads(4) { _ in
      for test in Models.parallel {
        var options = SessionOptions()
        options.threads = 3
        let result = try? Session(test.model, options: options).run(["x": numbers(test.x)])["y"]
        if result == nil { failures.add(1, ordering: .relaxed) }
      }
    }
    #expect(failures.load(ordering: .relaxed) == 0)
  }
}

private func numbers(_ shape: [Int]) -> Tensor {
  let count = shape.reduce(1, *)
  return floats(shape, (0..<count).map { Float($0 &* 7919 % 1009) / 1009 - 0.5 })
}

/// A model whose work is divided among threads, with one input `x` of this shape.
struct ParallelModel: Sendable, CustomTestStringConvertible {
  let name: String
  let model: Model
  let x: [Int]
  var testDescription: String { name }
}

extension Models {
  static let parallel: [ParallelModel] = [
    recurrent("RNN", gates: 1), recurrent("GRU", gates: 3), recurrent("LSTM", gates: 4),
    convolutions, rows,
  ]

  private static func weights(_ shapes: [String: [Int]]) -> [NamedTensor] {
    shapes.sorted { $0.key < $1.key }.map { NamedTensor($0.key, numbers($0.value)) }
  }

  private static func node(
    _ type: String, _ inputs: [String], _ output: String, _ attributes: Attribute...
  ) -> Node { Node(type, inputs: inputs, outputs: [output], attributes: attributes) }

  private static func input(_ shape: [Int]) -> [ValueInfo] {
    [ValueInfo("x", .tensor(.float32, Shape(shape)))]
  }

  private static func recurrent(
    _ type: String, gates: Int
  ) -> ParallelModel {
    let (size, units, x) = (24, 72, [6, 5, 24])
    let model = model(
      [
        node(
          type, ["x", "w", "r", "b"], "y", .int("hidden_size", units),
          .string("direction", "bidirectional"))
      ], inputs: input(x),
      initializers: weights([
        "w": [2, gates * units, size], "r": [2, gates * units, units], "b": [2, gates * 2 * units],
      ]))
    return ParallelModel(name: type, model: model, x: x)
  }

  /// First layer, Winograd's, residual, depthwise, pointwise, grouped; pools.
  private static var convolutions: ParallelModel {
    let x = [2, 3, 34, 38]
    let pads = Attribute.ints("pads", [1, 1, 1, 1])
    let nodes = [
      node("Conv", ["x", "first"], "a", .ints("strides", [2, 2]), .ints("pads", [3, 3, 3, 3])),
      node("Relu", ["a"], "b"),
      node("Conv", ["b", "square"], "c", pads),
      node("Add", ["c", "b"], "d"),
      node("Relu", ["d"], "e"),
      node("Conv", ["e", "depthwise"], "f", pads, .int("group", 24)),
      node("Sigmoid", ["f"], "g"),
      node("Conv", ["g", "point"], "h"),
      node("MaxPool", ["h"], "i", .ints("kernel_shape", [3, 3]), .ints("strides", [2, 2]), pads),
      node("Conv", ["i", "grouped"], "j", pads, .int("group", 2)),
      node("AveragePool", ["j"], "k", .ints("kernel_shape", [3, 3]), pads),
      node("Concat", ["j", "k"], "y", .int("axis", 1)),
    ]
    let model = model(
      nodes, inputs: input(x),
      initializers: weights([
        "first": [24, 3, 7, 7], "square": [24, 24, 3, 3], "depthwise": [24, 1, 3, 3],
        "point": [40, 24, 1, 1], "grouped": [36, 20, 3, 3],
      ]))
    return ParallelModel(name: "convolutions", model: model, x: x)
  }

  /// Products, normalisation, sums and elementwise work.
  private static var rows: ParallelModel {
    let x = [130, 96]
    let nodes = [
      node("Gemm", ["x", "dense", "bias"], "a"),
      node("Tanh", ["a"], "b"),
      node("LayerNormalization", ["b", "scale"], "c"),
      node("Transpose", ["c"], "d"),
      node("MatMul", ["c", "d"], "e"),
      node("Softmax", ["e"], "f"),
      node("ReduceSum", ["f", "axes"], "g", .int("keepdims", 1)),
      node("Mul", ["f", "g"], "h"),
      node("Erf", ["h"], "y"),
    ]
    var initializers = weights(["dense": [96, 200], "bias": [200], "scale": [200]])
    initializers.append(NamedTensor("axes", Tensor(shape: [1], [0] as [Int64])))
    return ParallelModel(
      name: "rows", model: model(nodes, inputs: input(x), initializers: initializers), x: x)
  }
}
