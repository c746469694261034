import Foundation
import ONNX
import Testing

/// Random numbers from −1 to 1.
func noise(_ shape: [Int], seed: UInt64 = 3) -> Tensor {
  var random = RandomStream(seed: seed)
  return Tensor(shape: shape, (0..<shape.reduce(1, *)).map { _ in Float(random.uniform(-1, 1)) })
}

/// Random integers in `0..<bound`.
func tokens(_ shape: [Int], below bound: Int, seed: UInt64 = 4) -> Tensor {
  var random = RandomStream(seed: seed)
  return Tensor(
    shape: shape, (0..<shape.reduce(1, *)).map { _ in Int64(random.integer(below: bound)) })
}

func floats(_ tensor: Tensor?) throws -> [Float] { try #require(tensor).array(as: Float.self) }

/// The output of a layer for `x`, whose shape must be the declared one.
func output(
  of layer: some Layer, _ x: Tensor, seed: UInt64 = 1,
  sourceLocation: SourceLocation = #_sourceLocation
) throws -> Tensor {
  // The batch size is symbolic, the other sizes are fixed.
  let shape = Shape(["N"] + x.shape.dropFirst().map(Dimension.size))
  let model = try layer.model(shape, x.elementType, seed: seed)
  let result = try #require(try Session(model).run(["input": x])["output"])
  let declared = try #require(model.graph.outputs[0].type?.tensorType?.shape)
  #expect(declared.rank == result.shape.count, sourceLocation: sourceLocation)
  for (dimension, size) in zip(declared, result.shape) {
    #expect((dimension.size ?? size) == size, sourceLocation: sourceLocation)
  }
  return result
}

func parameter(_ name: String, of model: Model) throws -> Tensor {
  try #require(model.graph.initializers.first { $0.name == name }, "no \(name)").tensor
}

/// The number of a model's floating-point parameters.
func parameterCount(_ model: Model) -> Int {
  model.graph.initializers.map(\.tensor).filter { $0.elementType == .float32 }.map(\.count)
    .reduce(0, +)
}

/// Calls `body` with the path of a temporary file.
func withTemporaryFile<R>(_ body: (URL) throws -> R) throws -> R {
  let folder = try TemporaryFolder()
  return try withExtendedLifetime(folder) {
    try body(URL(fileURLWithPath: folder.path("model.onnx")))
  }
}

func expectClose(
  _ a: [Float], _ b: [Float], _ tolerance: Float = 1e-6,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  #expect(a.count == b.count, sourceLocation: sourceLocation)
  let worst = zip(a, b).map { abs($0 - $1) }.max() ?? 0
  #expect(worst <= tolerance, sourceLocation: sourceLocation)
}
