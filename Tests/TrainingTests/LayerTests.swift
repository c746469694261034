import Foundation
import ONNX
import Testing

@Suite struct LayerTests {
  @Test func parametersAreNamedAfterTheirPlace() throws {
    let net = Sequential {
      Conv2D(6, 5, padding: 2).named("conv1")
      Relu()
      Flatten()
      Dense(10)
    }
    let model = try net.model(["N", 1, 8, 8])
    let names = model.graph.initializers.filter { $0.tensor.elementType == .float32 }
    #expect(names.map(\.name) == ["conv1.weight", "conv1.bias", "3.weight", "3.bias"])
    #expect(names.map(\.tensor.shape) == [[6, 1, 5, 5], [6], [10, 384], [10]])
  }

  @Test func modelsHoldTheStandardAlone() throws {
    let net = Sequential {
      LSTM(4, layers: 2, isBidirectional: true, dropout: 0.5)
      LayerNorm()
      Gelu()
      Dense(3)
      Softmax()
    }
    let model = try net.model(["N", "T", 2])
    #expect(model.graph.nodes.allSatisfy { $0.domain == nil && $0.operatorSetVersion == nil })
    #expect(model.operatorSets.map(\.version) == [Int64(GraphBuilder.operatorSet)])
    #expect(model.producerName == "swift-onnx")
    let names = model.graph.nodes.compactMap(\.name)
    #expect(Set(names).count == model.graph.nodes.count)
    // Nobody asked for the last states.
    let used = Set(model.graph.nodes.flatMap(\.inputs) + ["output"])
    #expect(model.graph.nodes.allSatisfy { $0.outputs.contains(where: used.contains) })
  }

  @Test func exportIsOneLine() throws {
    let net = Sequential {
      Dense(4)
      Tanh()
    }
    let x = noise([3, 5])
    try withTemporaryFile { url in
      try net.export(to: url, input: "x", ["N", 5], output: "y", seed: 1)
      let y = try Session(contentsOf: url).run(["x": x])["y"]
      #expect(try y == output(of: net, x))
    }
  }

  @Test func denseMultipliesAndAdds() throws {
    let dense = Dense(2, weight: .constant(0.5), bias: .constant(1))
    let row = Tensor(shape: [1, 3], [1, 2, 4] as [Float])
    #expect(try output(of: dense, row) == Tensor(shape: [1, 2], [4.5, 4.5] as [Float]))
    let cube = Tensor(shape: [1, 2, 3], [1, 2, 4, 0, 0, 2] as [Float])
    #expect(
      try output(of: dense, cube) == Tensor(shape: [1, 2, 2], [4.5, 4.5, 2, 2] as [Float]))
    let plain = Dense(1, hasBias: false, weight: .ones)
    #expect(try output(of: plain, row) == Tensor(shape: [1, 1], [7] as [Float]))
  }

  @Test func convolutionsHaveTheirSizes() throws {
    #expect(try output(of: Conv1D(4, 3), noise([2, 3, 10])).shape == [2, 4, 8])
    #expect(
      try output(of: Conv2D(6, [3, 5], stride: [2, 1], padding: [1, 2]), noise([2, 1, 9, 8])).shape
        == [2, 6, 5, 8])
    #expect(
      try output(of: Conv3D(2, 2, dilation: 2), noise([1, 3, 5, 6, 7])).shape == [1, 2, 3, 4, 5])
    #expect(
      try output(of: Conv2D(4, 4, padding: .same, dilation: 3), noise([1, 2, 12, 13])).shape
        == [1, 4, 12, 13])
    let grouped = try Conv2D(6, 3, groups: 3, hasBias: false).model(["N", 9, 5, 5])
    #expect(try parameter("weight", of: grouped).shape == [6, 3, 3, 3])
  }

  @Test func convolutionSumsItsWindow() throws {
    let image = Tensor(shape: [1, 1, 3, 3], (1...9).map(Float.init))
    let sums = try output(of: Conv2D(1, 2, weight: .ones, bias: .constant(1)), image)
    #expect(sums == Tensor(shape: [1, 1, 2, 2], [13, 17, 25, 29] as [Float]))
  }

  @Test func poolsTakeTheirWindows() throws {
    let image = Tensor(shape: [1, 1, 4, 4], (1...16).map(Float.init))
    #expect(
      try output(of: MaxPool2D(2), image)
        == Tensor(shape: [1, 1, 2, 2], [6, 8, 14, 16] as [Float]))
    #expect(
      try output(of: AveragePool2D(2), image)
        == Tensor(shape: [1, 1, 2, 2], [3.5, 5.5, 11.5, 13.5] as [Float]))
    // Padding counts as zeros: (0 + 0 + 0 + 1) / 4.
    #expect(try floats(output(of: AveragePool2D(2, padding: 1), image))[0] == 0.25)
    #expect(try output(of: GlobalAveragePool(), image) == Tensor(shape: [1, 1], [8.5] as [Float]))
    #expect(try output(of: GlobalMaxPool(), image) == Tensor(shape: [1, 1], [16] as [Float]))
    #expect(try output(of: MaxPool1D(3, stride: 1), noise([2, 3, 5])).shape == [2, 3, 3])
    #expect(try output(of: MaxPool1D(3, stride: 2), noise([2, 3, 5])).shape == [2, 3, 2])
    #expect(try output(of: AveragePool1D(2), noise([2, 3, 6])).shape == [2, 3, 3])
    #expect(try output(of: MaxPool3D(2), noise([1, 2, 4, 6, 8])).shape == [1, 2, 2, 3, 4])
    #expect(try output(of: AveragePool3D(2), noise([1, 2, 4, 6, 8])).shape == [1, 2, 2, 3, 4])
  }

  @Test func normalizationsNormalize() throws {
    let x = noise([4, 3, 8])
    let scale = 1 / Float(1 + 1e-5).squareRoot()
    expectClose(try floats(output(of: BatchNorm(), x)), try floats(x).map { $0 * scale })
    let y = try floats(output(of: LayerNorm(axes: 2), x))
    for row in 0..<4 {
      let values = y[row * 24..<(row + 1) * 24]
      let sum: Float = values.reduce(0, +)
      var square: Float = 0
      for value in values { square += value * value }
      #expect(abs(sum) < 1e-4)
      #expect(abs(square / 24 - 1) < 1e-3)
    }
    let model = try BatchNorm().model(["N", 3, 8])
    #expect(
      model.graph.initializers.map(\.name)
        == ["weight", "bias", "running_mean", "running_var"])
  }

  @Test func dropoutIsThereForTrainingOnly() throws {
    let x = noise([4, 3])
    #expect(try output(of: Dropout(0.3), x) == x)
    let model = try Dropout(0.3).model(["N", 3])
    let node = try #require(model.graph.nodes.first { $0.operatorType == "Dropout" })
    #expect(node.inputs.count == 2)
    #expect(model.graph.initializers.isEmpty)
  }

  @Test func embeddingsLookRowsUp() throws {
    let words = Tensor(shape: [2, 2], [1, 0, 3, 1] as [Int64])
    let table = try floats(
      parameter("weight", of: Embedding(4, 3).model(["N", "T"], .int64, seed: 1)))
    let rows = try output(of: Embedding(4, 3), words)
    #expect(rows.shape == [2, 2, 3])
    func row(_ word: Int) -> [Float] { Array(table[word * 3..<word * 3 + 3]) }
    #expect(try floats(rows) == row(1) + row(0) + row(3) + row(1))
    let padded = try floats(output(of: Embedding(4, 3, padding: 0), words))
    #expect(padded == row(1) + [0, 0, 0] + row(3) + row(1))
    let places = try floats(output(of: OneHot(4), words))
    #expect(places == [0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0])
  }

  @Test func activationsAreTheirFunctions() throws {
    let x = Tensor(shape: [1, 3], [-1, 0, 2] as [Float])
    func values(_ layer: some Layer) throws -> [Float] { try floats(output(of: layer, x)) }
    #expect(try values(Relu()) == [0, 0, 2])
    #expect(try values(LeakyRelu(alpha: 0.5)) == [-0.5, 0, 2])
    let e: Float = 2.7182818
    let square: Float = e * e
    expectClose(try values(Elu(alpha: 2)), [2 / e - 2, 0, 2])
    expectClose(try values(Tanh()), [-0.7615942, 0, 0.9640276])
    let sigmoid: [Float] = [1 / (1 + e), 0.5, square / (1 + square)]
    expectClose(try values(Sigmoid()), sigmoid)
    expectClose(try values(Silu()), [-sigmoid[0], 0, 2 * sigmoid[2]])
    expectClose(try values(Softplus()), [0.3132617, 0.6931472, 2.1269281])
    // x Φ(x), with Φ(1) = 0.8413447 and Φ(2) = 0.9772499.
    let gelu: [Float] = [-0.1586553, 0, 1.9544997]
    expectClose(try values(Gelu()), gelu)
    expectClose(try values(Gelu(isApproximate: true)), gelu, 1e-3)
    let selu: [Float] = [1.6732632 * 1.050701 * (1 / e - 1), 0, 2 * 1.050701]
    expectClose(try values(Selu()), selu)
    let sum: Float = 1 / e + 1 + square
    expectClose(try values(Softmax()), [1 / e / sum, 1 / sum, square / sum])
    let logarithm = Float(log(Double(sum)))
    expectClose(try values(LogSoftmax()), [-1 - logarithm, -logarithm, 2 - logarithm])
  }

  @Test func branchesAddOrStandBesideEachOther() throws {
    let x = Tensor(shape: [1, 2], [1, 2] as [Float])
    let twice = Dense(2, hasBias: false, weight: .ones)
    #expect(try floats(output(of: Residual { twice }, x)) == [4, 5])
    let projected = Residual {
      twice
    } shortcut: {
      Dense(2, hasBias: false, weight: .constant(2))
    }
    #expect(try floats(output(of: projected, x)) == [9, 9])
    let parallel = Parallel {
      Relu()
      Sequential {
        twice
        LeakyRelu()
      }
    }
    #expect(try floats(output(of: parallel, x)) == [1, 2, 3, 3])
    #expect(try output(of: Reshape([2, -1]), noise([3, 8])).shape == [3, 2, 4])
  }

  @Test func layersCanBeChosenByConditionsAndLoops() throws {
    func net(_ isDeep: Bool) -> Sequential {
      Sequential {
        if isDeep {
          for units in [3, 4] { Dense(units) }
        } else {
          Dense(2)
        }
        if isDeep { Relu() }
      }
    }
    #expect(net(true).layers.count == 3)
    #expect(net(false).layers.count == 1)
    #expect(try output(of: net(true), noise([2, 5])).shape == [2, 4])
  }

  @Test func whatDoesNotFitIsSaid() throws {
    #expect(throws: ModelError.self) { try Dense(3).model(["N", "features"]) }
    #expect(throws: ModelError.self) { try Dense(0).model(["N", 2]) }
    #expect(throws: ModelError.self) { try Dense(Int.max / 2).model(["N", 8]) }
    #expect(throws: ModelError.self) { try Conv2D(4, 3).model(["N", 1, 8]) }
    #expect(throws: ModelError.self) { try Conv2D(4, 3, groups: 2).model(["N", 3, 8, 8]) }
    #expect(throws: ModelError.self) { try Conv2D(4, [3, 3, 3]).model(["N", 1, 8, 8]) }
    #expect(throws: ModelError.self) { try Conv2D(4, 3, stride: 0).model(["N", 1, 8, 8]) }
    #expect(throws: ModelError.self) { try Conv2D(4, 10).model(["N", 1, 8, 8]) }
    #expect(throws: ModelError.self) { try Dropout(1).model(["N", 2]) }
    #expect(throws: ModelError.self) { try LSTM(0).model(["N", "T", 2]) }
    #expect(throws: ModelError.self) { try GRU(3).model(["N", 2]) }
    #expect(throws: ModelError.self) { try Parallel([]).model(["N", 2]) }
    #expect(throws: ModelError.self) { try Embedding(3, 2).model(["N"], .float32) }
    #expect(throws: ModelError.self) { try Relu().model(input: "x", ["N"], output: "x") }
    #expect(throws: ModelError.self) { try ModelBuilder().model(name: "empty") }
  }

  @Test func outputsMayBeAnything() throws {
    let m = ModelBuilder()
    let x = try m.input("x", ["N", 2])
    let y = try Relu()(x, in: m)
    try m.output("same", x)
    try m.output("y", y)
    try m.output("again", y)
    try m.output("twice", m.add(y, y))
    let input = Tensor(shape: [1, 2], [-1, 3] as [Float])
    let results = try Session(m.model(name: "outputs")).run(["x": input])
    #expect(try floats(results["same"]) == [-1, 3])
    #expect(try floats(results["y"]) == [0, 3])
    #expect(try floats(results["again"]) == [0, 3])
    #expect(try floats(results["twice"]) == [0, 6])
  }

  @Test func float64ModelsComputeInFloat64() throws {
    let m = ModelBuilder(seed: 1, elementType: .float64)
    let x = try m.input("x", ["N", 6, 3])
    let net = Sequential {
      LSTM(4)
      Dropout()
      Dense(2)
    }
    try m.output("y", net(x, in: m))
    let zeros = Tensor(shape: [2, 6, 3], [Double](repeating: 0, count: 36))
    let y = try Session(m.model(name: "double")).run(["x": zeros])["y"]
    #expect(y?.elementType == .float64)
    #expect(y?.shape == [2, 6, 2])
  }
}
