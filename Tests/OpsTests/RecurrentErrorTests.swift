import ONNX
import ONNXOperators
import OperatorLaws
import Testing

/// Each mistake that a file can make in RNN, LSTM or GRU gives an error of its own.
@Suite struct RecurrentErrorTests {
  /// An LSTM `[T 3, B 2, I 2, H 3]` with all its inputs.
  let full = RecurrentCase(
    "", "LSTM", sizes: [3, 2, 2, 3], given: ["B", "initial_h", "initial_c", "P"], lengths: [3, 2])

  private func fails(
    _ test: RecurrentCase, _ attributes: [Attribute] = [], opset: Int = 22,
    changing change: (inout [Tensor?]) -> Void = { _ in },
    sourceLocation: SourceLocation = #_sourceLocation, _ matches: (OperatorError) -> Bool
  ) {
    var node = test.node
    node.attributes += attributes
    var inputs = test.inputs(Float.self)
    change(&inputs)
    do {
      try checkOperator(node, inputs, opset: opset)
      Issue.record("it ran", sourceLocation: sourceLocation)
    } catch let error as OperatorError {
      #expect(matches(error), "\(error)", sourceLocation: sourceLocation)
    } catch {
      Issue.record("\(error)", sourceLocation: sourceLocation)
    }
  }

  private func isAttribute(_ name: String) -> (OperatorError) -> Bool {
    { if case .attribute(name, _) = $0 { true } else { false } }
  }
  private func isInput(_ index: Int) -> (OperatorError) -> Bool {
    { if case .input(index, _) = $0 { true } else { false } }
  }

  @Test(arguments: 0..<8) func anInputOfTheWrongRank(_ index: Int) {
    fails(full, changing: { $0[index] = $0[index].flatMap(withAnotherAxis) }, isInput(index))
  }

  private func withAnotherAxis(_ tensor: Tensor) -> Tensor? {
    try? tensor.reshaped(to: [1] + tensor.shape)
  }

  @Test(arguments: 1..<8) func anInputOfTheWrongSize(_ index: Int) {
    // One row more than the layer has: of directions, of units, or of the batch.
    fails(
      full,
      changing: { inputs in
        guard var shape = inputs[index]?.shape else { return }
        shape[0] += 1
        let count = shape.elementCount ?? 0
        inputs[index] =
          index == 4
          ? Tensor(shape: shape, [Int32](repeating: 1, count: count))
          : Tensor(shape: shape, [Float](repeating: 0, count: count))
      }, isInput(index))
  }

  @Test func matricesThatDisagree() {
    let zeros = { (shape: [Int]) in
      Tensor(shape: shape, [Float](repeating: 0, count: shape.elementCount ?? 0))
    }
    // R has 3 units and W has 2; R has no whole number of gates; B and P have another size.
    fails(full, changing: { $0[1] = zeros([1, 8, 2]) }, isInput(1))
    fails(full, changing: { $0[1] = zeros([1, 12, 3]) }, isInput(1))
    fails(full, changing: { $0[2] = zeros([1, 13, 3]) }, isInput(2))
    fails(full, changing: { $0[2] = zeros([1, 12, 4]) }, isInput(2))
    fails(full, changing: { $0[3] = zeros([1, 12]) }, isInput(3))
    fails(full, changing: { $0[7] = zeros([1, 12]) }, isInput(7))
    fails(full, changing: { $0[5] = zeros([1, 3, 3]) }, isInput(5))
    fails(full, changing: { $0[6] = zeros([2, 1, 3]) }, isInput(6))
    fails(full, changing: { $0[0] = zeros([3, 2, 0]) }, { _ in true })
  }

  @Test func emptySizes() {
    fails(RecurrentCase("", "RNN", sizes: [2, 1, 0, 2]), [], isInput(0))
    fails(RecurrentCase("", "RNN", sizes: [2, 1, 2, 0]), [], isInput(2))
  }

  @Test func typesThatDiffer() {
    fails(
      full, changing: { $0[5] = Tensor(shape: [1, 2, 3], [Double](repeating: 0, count: 6)) },
      isInput(5))
    fails(full, changing: { $0[4] = Tensor(shape: [2], [3, 2] as [Int64]) }, isInput(4))
    fails(
      full, changing: { $0[0] = Tensor(shape: [3, 2, 2], [Int32](repeating: 0, count: 12)) },
      isInput(0))
  }

  @Test(arguments: [-1, 4, Int32.min, Int32.max]) func lengthsBeyondTheInput(_ length: Int32) {
    fails(full, changing: { $0[4] = Tensor(shape: [2], [3, length]) }, isInput(4))
  }

  @Test(arguments: [0, -3, 4, Int.min, Int.max, 1 << 31])
  func hiddenSizes(_ size: Int) {
    fails(full, [.int("hidden_size", size)]) {
      switch $0 {
      case .attribute("hidden_size", _): size != 4
      case .input(2, _): size == 4
      default: false
      }
    }
  }

  @Test func aHugeHiddenSizeWithoutWeights() throws {
    var node = full.node
    node.attributes = [.int("hidden_size", Int(Int32.max))]
    let made = try Registry.standard.make(node, operatorSet: 22).operator
    let unknown = ValueType.tensor(.float32, nil)
    let types = [unknown, unknown, unknown, nil, nil, nil, nil, nil]
    #expect(try made.infer(Inputs(types: types))[1].tensorType?.shape?.rank == 3)
    #expect(throws: OperatorError.self) {
      try made.prepare(
        Preparation(
          inputs: Inputs(types: [
            .tensor(.float32, [1 << 40, 1 << 40, 1 << 40]), unknown,
            .tensor(.float32, [1, 4 << 31 - 4, 1 << 31 - 1]),
          ]), outputs: [.init(.float32, nil as Shape?)], threads: 2))
    }
  }

  @Test func directions() {
    fails(full, [.string("direction", "sideways")], isAttribute("direction"))
    fails(full, [.string("direction", "Forward")], isAttribute("direction"))
    fails(full, [.string("direction", "foward")], isAttribute("direction"))
    fails(full, [.string("direction", "bidirectional")], isInput(2))
    fails(full, [.int("direction", 1)], isAttribute("direction"))
  }

  @Test func activations() {
    fails(full, [.strings("activations", ["Sigmoid", "Tanh"])], isAttribute("activations"))
    fails(
      full, [.strings("activations", ["Sigmoid", "Tanh", "Tanh", "Tanh"])],
      isAttribute("activations"))
    fails(full, [.strings("activations", ["Sigmoid", "Tanh", "Cosh"])], isAttribute("activations"))
    fails(full, [.strings("activations", ["Sigmoid", "Tanh", ""])], isAttribute("activations"))
  }

  @Test func listsOfParametersThatAreTooShort() {
    let functions = Attribute.strings("activations", ["LeakyRelu", "Tanh", "Affine"])
    fails(full, [functions, .floats("activation_alpha", [0.5])], isAttribute("activation_alpha"))
    fails(
      full,
      [
        .strings("activations", ["HardSigmoid", "Tanh", "Affine"]),
        .floats("activation_beta", [0.5]),
      ], isAttribute("activation_beta"))
  }

  @Test func numbersOutOfRange() {
    for clip: Float in [0, -1, .nan] {
      fails(full, [.float("clip", clip)], isAttribute("clip"))
    }
    fails(full, [.int("layout", 2)], isAttribute("layout"))
    fails(full, [.int("input_forget", -1)], isAttribute("input_forget"))
  }

  @Test func attributesOfOtherVersionsAndOperators() {
    let gru = RecurrentCase("", "GRU", sizes: [2, 1, 2, 2])
    func isUnknown(_ name: String) -> (OperatorError) -> Bool { { $0 == .unknownAttribute(name) } }
    fails(full, [.int("layout", 0)], opset: 7, isUnknown("layout"))
    fails(full, [.int("output_sequence", 0)], opset: 7, isUnknown("output_sequence"))
    fails(full, [.int("linear_before_reset", 0)], isUnknown("linear_before_reset"))
    fails(gru, [.int("linear_before_reset", 1)], opset: 1, isUnknown("linear_before_reset"))
    fails(gru, [.int("input_forget", 1)], isUnknown("input_forget"))
  }
}
