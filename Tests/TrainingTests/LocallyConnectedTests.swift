import ONNX
import Testing

/// Locally connected layers beside convolutions and products with a matrix.
@Suite struct LocallyConnectedTests {
  /// The weights of a convolution, the same for each window.
  private func shared(_ layer: some Layer, _ x: Tensor, _ kernel: Tensor) throws -> [Float] {
    var model = try layer.model(Shape(x.shape))
    let place = try #require(
      model.graph.initializers.firstIndex { $0.name == "weight" })
    let shape = model.graph.initializers[place].tensor.shape
    let weights = try floats(kernel)
    let (columns, filters) = (shape[1], shape[2])
    let values = (0..<shape.reduce(1, *)).map { index in
      weights[index % filters * columns + index / filters % columns]
    }
    model.graph.initializers[place].tensor = Tensor(shape: shape, values)
    return try floats(Session(model).run(["input": x])["output"])
  }

  @Test func equalWeightsAreAConvolution() throws {
    let x = noise([2, 3, 7, 6])
    let convolution = Conv2D(4, [3, 2], stride: [2, 1], padding: [1, 0], hasBias: false)
    let model = try convolution.model(Shape(x.shape), seed: 1)
    let local = LocallyConnected2D(4, [3, 2], stride: [2, 1], padding: [1, 0], hasBias: false)
    expectClose(
      try shared(local, x, parameter("weight", of: model)), try floats(output(of: convolution, x)),
      1e-5)
    let line = noise([2, 2, 9])
    let narrow = Conv1D(3, 4, stride: 2, hasBias: false)
    expectClose(
      try shared(
        LocallyConnected1D(3, 4, stride: 2, hasBias: false), line,
        parameter("weight", of: narrow.model(Shape(line.shape), seed: 1))),
      try floats(output(of: narrow, line)), 1e-5)
  }

  /// The matrix of a layer without bias from one channel to one: its rows are outputs for unit vectors,
  /// transposed.
  private func matrix(_ layer: some Layer, _ sizes: [Int]) throws -> [[Float]] {
    let count = sizes.reduce(1, *)
    var units = [Float](repeating: 0, count: count * count)
    for index in 0..<count { units[index * count + index] = 1 }
    let y = try output(of: layer, Tensor(shape: [count, 1] + sizes, units))
    let rows = y.count / count
    let values = try floats(y)
    return (0..<rows).map { row in (0..<count).map { values[$0 * rows + row] } }
  }

  /// `y = T x` with the kernel 1, 2, 3 shifted from row to row.
  @Test func aConvolutionIsABandedToeplitzMatrix() throws {
    let convolution = Conv1D(1, 3, hasBias: false, weight: .constant(1))
    #expect(
      try matrix(convolution, [5]) == [[1, 1, 1, 0, 0], [0, 1, 1, 1, 0], [0, 0, 1, 1, 1]])
    let random = try matrix(Conv1D(1, 3, hasBias: false), [8])
    for row in 1..<6 {
      #expect(Array(random[row][1...]) == Array(random[row - 1][..<7]))
      #expect(random[row].count { $0 != 0 } == 3)
    }
  }

  /// Blocks of a 2-D convolution's matrix repeat along diagonals, and so do the elements of each block.
  @Test func aConvolutionOfTwoAxesIsDoublyBlockToeplitz() throws {
    let T = try matrix(Conv2D(1, 2, hasBias: false), [4, 4])
    for row in 0..<9 {
      for column in 0..<16 {
        let (r, q) = (row / 3, row % 3)
        let (c, p) = (column / 4, column % 4)
        if r > 0, c > 0 { #expect(T[row][column] == T[row - 3][column - 4]) }
        if q > 0, p > 0 { #expect(T[row][column] == T[row - 1][column - 1]) }
      }
    }
  }

  /// The band is that of the convolution, its elements are all different.
  @Test func aLocallyConnectedLayerIsABandedMatrix() throws {
    let T = try matrix(Conv2D(1, 2, hasBias: false), [4, 4]).joined()
    let free = try matrix(LocallyConnected2D(1, 2, hasBias: false), [4, 4]).joined()
    #expect(T.map { $0 != 0 } == free.map { $0 != 0 })
    #expect(Set(T).count == 4 + 1)
    #expect(Set(free).count == 9 * 4 + 1)
  }

  @Test func parametersOfLeNet5() throws {
    var net = LeNet5()
    #expect(parameterCount(try net.model()) == 61_706)
    net.isLocal = true
    // 28² · 6 · (25 + 1) + 10² · 16 · (6 · 25 + 1) and the fully connected layers.
    #expect(parameterCount(try net.model()) == 122_304 + 241_600 + 59_134)
  }

  @Test func gradientsReachEveryWeight() throws {
    let net = Sequential {
      LocallyConnected2D(2, 3, padding: 1).named("local")
      Flatten()
      Dense(2)
    }
    let before = try net.model(input: "image", ["N", 1, 4, 4], output: "logits", seed: 1)
    let trainer = try Trainer(before, TrainingOptions())
    let batch = Batch(
      ["image": noise([5, 1, 4, 4]), Loss.labels: tokens([5], below: 2)], count: 5)
    _ = try trainer.train(on: batch, rate: 0.1)
    let after = try trainer.model
    for name in ["local.weight", "local.bias"] {
      let (a, b) = (try floats(parameter(name, of: before)), try floats(parameter(name, of: after)))
      // A weight on the padding has no gradient.
      let changed = zip(a, b).count { $0 != $1 }
      #expect(changed == (name == "local.bias" ? 32 : 2 * 100))
    }
  }

  @Test func windowsMustFit() {
    #expect(throws: ModelError.self) { try LocallyConnected2D(1, 5).model(["N", 1, 4, 9]) }
    #expect(throws: ModelError.self) { try LocallyConnected2D(1, 2).model(["N", 1, "H", 9]) }
    #expect(throws: ModelError.self) { try LocallyConnected1D(1, 2).model(["N", 1, 4, 9]) }
    #expect(throws: ModelError.self) { try LocallyConnected1D(0, 2).model(["N", 1, 4]) }
  }
}
