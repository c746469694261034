import ONNX
import OperatorLaws
import Testing

@Suite struct RecurrentGradientTests {
  private func trimmed(_ test: RecurrentCase) -> [Tensor?] {
    Array(test.inputs(Double.self).prefix(test.node.inputs.count))
  }

  /// Every function, direction, `layout`, `clip`, peepholes, coupled gates, lengths.
  @Test(arguments: RecurrentCase.all)
  func areThoseOfFiniteDifferences(_ test: RecurrentCase) throws {
    try checkGradient(test.node, trimmed(test), opset: 22)
  }

  static let full: [RecurrentCase] = [
    ("RNN", [Attribute]()), ("GRU", []), ("GRU", [.int("linear_before_reset", 1)]), ("LSTM", []),
    ("LSTM", [.int("input_forget", 1)]),
  ].flatMap { (name: String, attributes: [Attribute]) in
    [("forward", 0), ("reverse", 1), ("bidirectional", 0), ("bidirectional", 1)].map {
      direction, layout in
      RecurrentCase(
        "\(direction), layout \(layout), \(attributes.map(\.name))", name, sizes: [3, 2, 2, 3],
        attributes + [.string("direction", direction), .int("layout", layout)],
        given: ["B", "initial_h"] + (name == "LSTM" ? ["initial_c", "P"] : []), lengths: [2, 3])
    }
  }

  @Test(arguments: full) func withEveryInput(_ test: RecurrentCase) throws {
    let found = try checkGradient(test.node, trimmed(test), opset: 22)
    #expect(Set(found.keys) == Set(test.node.inputs.indices).subtracting([4]))
  }

  @Test(arguments: ["RNN", "GRU", "LSTM"]) func ofEachOutputAlone(_ name: String) throws {
    let test = RecurrentCase(
      "", name, sizes: [3, 2, 2, 3], [.string("direction", "bidirectional")], lengths: [3, 1])
    for kept in test.node.outputs.indices {
      try checkGradient(test.node, trimmed(test), outputs: [kept], opset: 22)
      var node = test.node
      node.outputs = node.outputs.enumerated().map { $0 == kept ? $1 : "" }
      try checkGradient(node, trimmed(test), opset: 22)
    }
  }

  @Test(arguments: ["RNN", "GRU", "LSTM"]) func byEachInputAlone(_ name: String) throws {
    let test = RecurrentCase("", name, sizes: [3, 2, 2, 3], given: ["B", "initial_h"])
    for input in [0, 1, 2, 3, 5] {
      try checkGradient(test.node, trimmed(test), by: [input], opset: 22)
    }
  }

  @Test func inOldVersions() throws {
    for (name, versions) in [("RNN", [1, 7, 14]), ("GRU", [1, 3, 7, 14]), ("LSTM", [1, 7, 14])] {
      for version in versions {
        let test = RecurrentCase("", name, sizes: [2, 1, 2, 2])
        try checkGradient(test.node, trimmed(test), opset: Int64(version))
      }
    }
  }

  // MARK: float32, sizes

  static let large: [RecurrentCase] = [
    ("RNN", [Attribute]()), ("GRU", []), ("GRU", [.int("linear_before_reset", 1)]), ("LSTM", []),
  ].flatMap { (name: String, attributes: [Attribute]) in
    [[5, 1, 3, 7], [4, 9, 10, 16], [3, 70, 5, 33], [4, 3, 40, 150]].flatMap { sizes in
      [[], [Attribute.string("direction", "bidirectional"), .int("layout", 1)]].map {
        let lengths = (0..<sizes[1]).map { Int32($0 % (sizes[0] + 1)) }
        return RecurrentCase(
          "\(sizes) \(attributes.map(\.name)) \($0.map(\.name))", name, sizes: sizes,
          attributes + $0, given: ["B", "initial_h", name == "LSTM" ? "initial_c" : ""],
          lengths: sizes[1] > 1 && !$0.isEmpty ? lengths : nil)
      }
    }
  }

  private func scaled<T: BinaryFloatingPoint & Element>(
    _ test: RecurrentCase, _ type: T.Type
  ) throws -> [Tensor?] {
    try test.inputs(type).enumerated().map { index, tensor in
      guard index == 1 || index == 2, let tensor else { return tensor }
      return Tensor(shape: tensor.shape, try tensor.array(as: type).map { $0 / 4 })
    }
  }

  /// The loops in C, for float32, agree with the general ones, whatever the panels, tiles of units
  /// and blocks of rows.
  @Test(arguments: large) func float32AgreesWithFloat64(_ test: RecurrentCase) throws {
    let single = try RecurrentGradients(test.node, scaled(test, Float.self), Float.self)
    let double = try RecurrentGradients(test.node, scaled(test, Double.self), Double.self)
    #expect(single.gradients.keys.sorted() == double.gradients.keys.sorted())
    for (input, gradient) in double.gradients {
      let expected = try gradient.array(as: Double.self)
      let scale = max(1, expected.map(abs).max() ?? 1)
      let actual = try #require(single.gradients[input]).array(as: Float.self)
      #expect(actual.count == expected.count)
      let error = zip(actual, expected).map { abs(Double($0) - $1) / scale }.max() ?? 0
      #expect(error < 1e-5, "input \(input)")
    }
  }

  @Test(arguments: large) func trainingComputesWhatTheOperatorDoes(_ test: RecurrentCase) throws {
    let inputs = try scaled(test, Float.self)
    let plain = try checkOperator(test.node, inputs)
    let training = try RecurrentGradients(test.node, inputs, Float.self)
    for (output, expected) in zip(training.outputs, plain) {
      let expected = try #require(expected).array(as: Float.self).map(Double.init)
      #expect(try near(output, expected, 1e-6) { (x: Float) in Double(x) })
    }
  }

  @Test(arguments: large) func threadsDoNotShow(_ test: RecurrentCase) throws {
    let inputs = try scaled(test, Float.self)
    let one = try RecurrentGradients(test.node, inputs, Float.self, threads: 1)
    let two = try RecurrentGradients(test.node, inputs, Float.self, threads: 2)
    #expect(one.outputs == two.outputs)
    #expect(one.gradients == two.gradients)
  }

  // MARK: One-hot rows

  static let oneHot: [RecurrentCase] = ["RNN", "GRU", "LSTM"].flatMap { name in
    [[Attribute](), [.string("direction", "bidirectional"), .int("layout", 1)]].flatMap { more in
      [[6, 5, 20, 7], [5, 70, 33, 40], [3, 2, 18, 300]].map {
        RecurrentCase("\($0) \(more.map(\.name))", name, sizes: $0, more, given: ["B"])
      }
    }
  }

  /// A 2 in a column whose weights are 0 makes the rows others than one-hot vectors, and changes no
  /// sum.
  @Test(arguments: oneHot) func oneHotRowsGiveWhatOthersGive(_ test: RecurrentCase) throws {
    let width = test.sizes[2]
    var inputs = try scaled(test, Float.self)
    let (x, w) = (try #require(inputs[0]), try #require(inputs[1]))
    let count = x.count / width
    var (picked, other) = ([Float](repeating: 0, count: x.count), [Float]())
    for row in 0..<count where row % 4 != 3 { picked[row * width + row * 7 % (width - 1)] = 1 }
    other = picked
    for row in 0..<count { other[(row + 1) * width - 1] = 2 }
    var weights = try w.array(as: Float.self)
    for row in 0..<w.count / width { weights[(row + 1) * width - 1] = 0 }
    inputs[1] = Tensor(shape: w.shape, weights)

    var results: [RecurrentGradients] = []
    for (values, threads) in [(picked, 1), (picked, 2), (other, 1)] {
      inputs[0] = Tensor(shape: x.shape, values)
      results.append(try RecurrentGradients(test.node, inputs, Float.self, threads: threads))
    }
    #expect(results[0].outputs == results[2].outputs)
    #expect(results[0].gradients == results[1].gradients)
    for (input, gradient) in results[2].gradients {
      let expected = try gradient.array(as: Float.self)
      let scale = max(1, expected.map(abs).max() ?? 1)
      let actual = try #require(results[0].gradients[input]).array(as: Float.self)
      for (index, (a, b)) in zip(actual, expected).enumerated()
      where input != 1 || index % width != width - 1 {
        #expect(abs(a - b) / scale < 1e-5, "input \(input), element \(index)")
      }
    }
  }

  @Test(arguments: ["RNN", "GRU", "LSTM"]) func theBatchSizeMayBeFree(_ name: String) throws {
    let test = RecurrentCase("", name, sizes: [3, 2, 2, 3], given: ["B"])
    let inputs = test.inputs(Float.self)
    let fixed = try RecurrentGradients(test.node, inputs, Float.self)
    let free = try RecurrentGradients(test.node, inputs, Float.self, freeBatch: true)
    #expect(fixed.gradients == free.gradients)
  }

  @Test(arguments: ["RNN", "GRU", "LSTM"])
  func whatLiesPastTheEndOfASequenceDoesNotCount(_ name: String) throws {
    let test = RecurrentCase("", name, sizes: [3, 2, 2, 3], given: ["B"], lengths: [3, 1])
    var inputs = test.inputs(Float.self)
    let clean = try RecurrentGradients(test.node, inputs, Float.self)
    var x = try #require(inputs[0]).array(as: Float.self)
    for i in [6, 7, 10, 11] { x[i] = .nan }
    inputs[0] = Tensor(shape: [3, 2, 2], x)
    let dirty = try RecurrentGradients(test.node, inputs, Float.self)
    #expect(dirty.outputs == clean.outputs)
    for (input, gradient) in clean.gradients where input != 0 {
      #expect(dirty.gradients[input] == gradient)
    }
    let dX = try #require(dirty.gradients[0]).array(as: Float.self)
    for i in [6, 7, 10, 11] { #expect(dX[i] == 0) }
  }

  /// Units that pad the hidden size have weights of 0, whose products with infinity are NaN.
  @Test(arguments: ["RNN", "GRU", "LSTM"])
  func infinityInTheInputDoesNotReachOtherGradients(_ name: String) throws {
    let test = RecurrentCase("", name, sizes: [3, 2, 2, 3], given: ["B", "initial_h"])
    var inputs = test.inputs(Float.self)
    var x = try #require(inputs[0]).array(as: Float.self)
    x[5] = .infinity
    inputs[0] = Tensor(shape: [3, 2, 2], x)
    let found = try RecurrentGradients(test.node, inputs, Float.self)
    for input in [2, 3, 5] {
      let gradient = try #require(found.gradients[input])
      #expect(try gradient.array(as: Float.self).allSatisfy { $0.isFinite }, "input \(input)")
    }
  }

  @Test(arguments: ["RNN", "GRU", "LSTM"], [[0, 2, 2, 3], [3, 0, 2, 3]])
  func emptySequencesAndBatchesAreFine(_ name: String, _ sizes: [Int]) throws {
    let test = RecurrentCase("", name, sizes: sizes, given: ["B", "initial_h"])
    let found = try RecurrentGradients(test.node, test.inputs(Float.self), Float.self)
    for input in [1, 2, 3] {
      let gradient = try #require(found.gradients[input])
      #expect(try gradient.array(as: Float.self).allSatisfy { $0 == 0 })
    }
  }

  // MARK: Errors

  @Test func halfPrecisionHasNoGradient() {
    let test = RecurrentCase("", "LSTM", sizes: [3, 2, 2, 3])
    #expect {
      try RecurrentGradients(test.node, test.inputs(Float16.self), Float16.self)
    } throws: {
      if case ModelError.node(_, _, .unsupported) = $0 { true } else { false }
    }
  }

  /// A file can name the private operators as well.
  @Test func aForeignReserveIsRefused() throws {
    let test = RecurrentCase("", "LSTM", sizes: [3, 2, 2, 3])
    let zeros = { (shape: [Int]) in
      Tensor(shape: shape, [Float](repeating: 0, count: shape.reduce(1, *)))
    }
    let node = Node(
      "LSTMGrad", domain: Registry.privateDomain,
      inputs: ["X", "W", "R", "", "", "", "", "", "reserve", "dY"], outputs: ["dX", "dW"])
    func run(_ reserve: [Int], _ dY: [Int]) throws {
      try checkOperator(
        node, test.inputs(Float.self) + [nil, nil, nil, nil, nil, zeros(reserve), zeros(dY)])
    }
    #expect(throws: OperatorError.self) { try run([1, 5], [3, 1, 2, 3]) }
    #expect(throws: OperatorError.self) { try run([1], [3, 1, 2, 3]) }
    #expect(throws: OperatorError.self) { try run([1, 784], [3, 1, 2, 4]) }
    // Gates [3, 2, 4, 16], hidden and cell states [4, 2, 16] each.
    #expect(throws: Never.self) { try run([1, 640], [3, 1, 2, 3]) }
  }

  @Test func lengthsOutOfRangeAreRefused() throws {
    let test = RecurrentCase("", "GRU", sizes: [3, 2, 2, 3], lengths: [4, 1])
    let node = Node(
      "GRUTraining", domain: Registry.privateDomain, inputs: ["X", "W", "R", "", "lengths"],
      outputs: ["Y", "", "reserve"])
    #expect(throws: OperatorError.self) { try checkOperator(node, test.inputs(Float.self)) }
  }
}
