import Glibc
import ONNX
import ONNXOperators
import OperatorLaws
import Testing

/// A node of RNN, LSTM or GRU with synthetic inputs, and its outputs as
/// tools/generate/recurrent.py computes them.
struct RecurrentCase: CustomTestStringConvertible {
  let title: String
  let name: String
  /// Steps, batch, input size, hidden size.
  let sizes: [Int]
  let attributes: [Attribute]
  let given: [String]
  let lengths: [Int32]?
  let outputs: [[Double]]

  init(
    _ title: String, _ name: String, sizes: [Int], _ attributes: [Attribute] = [],
    given: [String] = [], lengths: [Int32]? = nil, outputs: [[Double]] = []
  ) {
    self.title = title
    self.name = name
    self.sizes = sizes
    self.attributes = attributes
    self.given = given
    self.lengths = lengths
    self.outputs = outputs
  }

  var testDescription: String { "\(name): \(title)" }

  static let inputNames = [
    "X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P",
  ]

  var node: Node {
    let count = name == "LSTM" ? 3 : 2
    return Node(
      name, inputs: Self.inputNames.map { inputShape($0) == nil ? "" : $0 }.trimmed,
      outputs: Array(["Y", "Y_h", "Y_c"].prefix(count)), attributes: attributes)
  }

  private func has(_ attribute: String, _ test: (Attribute.Value) -> Bool) -> Bool {
    attributes.first { $0.name == attribute }.map { test($0.value) } ?? false
  }
  private var directions: Int {
    has("direction") { if case .string(ByteString("bidirectional")) = $0 { true } else { false } }
      ? 2 : 1
  }
  private var batchFirst: Bool { has("layout") { if case .int(1) = $0 { true } else { false } } }

  func inputShape(_ input: String) -> [Int]? {
    let (steps, batch, size, hidden) = (sizes[0], sizes[1], sizes[2], sizes[3])
    let gates = ["RNN": 1, "GRU": 3, "LSTM": 4][name] ?? 0
    let isGiven = ["X", "W", "R"].contains(input) || given.contains(input)
    switch input {
    case "X": return batchFirst ? [batch, steps, size] : [steps, batch, size]
    case "W": return [directions, gates * hidden, size]
    case "R": return [directions, gates * hidden, hidden]
    case "sequence_lens": return lengths == nil ? nil : [batch]
    case "B": return isGiven ? [directions, 2 * gates * hidden] : nil
    case "P": return isGiven ? [directions, 3 * hidden] : nil
    default:
      guard isGiven else { return nil }
      return batchFirst ? [batch, directions, hidden] : [directions, batch, hidden]
    }
  }

  /// The inputs; `nil` for one that is left out.
  func inputs<T: BinaryFloatingPoint & Element>(_ type: T.Type) -> [Tensor?] {
    inputs { T($0) }
  }

  func inputs<T: Element>(_ convert: (Double) -> T) -> [Tensor?] {
    Self.inputNames.enumerated().map { seed, input in
      guard let shape = inputShape(input) else { return nil }
      if input == "sequence_lens" { return Tensor(shape: shape, lengths ?? []) }
      let count = shape.elementCount ?? 0
      let elements: [T] = (0..<count).map { (index: Int) -> T in
        let step = (index * 37 + seed * 11) % 101 - 50
        return convert(Double(step) / 64)
      }
      return Tensor(shape: shape, elements)
    }.trimmed
  }
}

extension [String] {
  /// Without empty names at the end.
  var trimmed: [String] {
    var names = self
    while names.last == "" { names.removeLast() }
    return names
  }
}

extension [Tensor?] {
  var trimmed: [Tensor?] {
    var tensors = self
    while let last = tensors.last, last == nil { tensors.removeLast() }
    return tensors
  }
}

/// Whether the elements equal `expected` within `tolerance`, relative to values larger than 1.
func near<T: Element>(
  _ tensor: Tensor?, _ expected: [Double], _ tolerance: Double, _ double: (T) -> Double
) throws -> Bool {
  guard let values = try tensor?.array(as: T.self), values.count == expected.count else {
    return false
  }
  return zip(values, expected).allSatisfy {
    abs(double($0) - $1) <= tolerance * max(1, abs($1))
  }
}

@Suite struct RecurrentTests {
  private func check<T: Element>(
    _ test: RecurrentCase, _ tolerance: Double, from: (Double) -> T, to: (T) -> Double
  ) throws {
    let outputs = try checkOperator(test.node, test.inputs(from))
    for (output, expected) in zip(outputs, test.outputs) {
      #expect(try near(output, expected, tolerance, to))
    }
  }

  @Test(arguments: RecurrentCase.all)
  func givesTheNumbersOfTheEquations(_ test: RecurrentCase) throws {
    try check(test, 1e-6, from: { Float($0) }, to: { Double($0) })
    try check(test, 1e-7, from: { $0 }, to: { $0 })
    try check(test, 2e-3, from: { Float16($0) }, to: { Double($0) })
    try check(test, 1e-2, from: { BFloat16(Float($0)) }, to: { Double($0.float) })
  }

  static let large = ["RNN", "GRU", "LSTM"].flatMap { name in
    [1, 2, 7].flatMap { batch in
      [[], [Attribute.string("direction", "bidirectional")]].map {
        RecurrentCase(
          "batch \(batch)", name, sizes: [5, batch, 30, 150], $0, given: ["B", "initial_h"],
          lengths: batch == 7 ? [5, 0, 3, 1, 4, 2, 5] : nil)
      }
    }
  }

  /// Results do not depend on panels, tiles, groups of rows or threads: float32 agrees with float64,
  /// which is divided differently, and `checkOperator` compares the bits of one and two threads.
  @Test(arguments: large) func largeLayersAgreeAcrossTypes(_ test: RecurrentCase) throws {
    // Weights this large saturate the gates.
    func scaled<T: BinaryFloatingPoint & Element>(_ type: T.Type) throws -> [Tensor?] {
      var inputs = test.inputs(T.self)
      for index in [1, 2] {
        inputs[index] = try inputs[index].map { weights in
          Tensor(shape: weights.shape, try weights.array(as: T.self).map { $0 / 8 })
        }
      }
      return inputs
    }
    let single = try checkOperator(test.node, scaled(Float.self))
    let double = try checkOperator(test.node, scaled(Double.self))
    for (single, double) in zip(single, double) {
      let expected = try #require(double).array(as: Double.self)
      #expect(try near(single, expected, 1e-5) { (x: Float) in Double(x) })
    }
  }

  /// The loops for tanh and sigmoid, over all magnitudes. A layer of one unit with W = 1, R = 0 gives
  /// the function itself.
  @Test(arguments: ["Tanh", "Sigmoid"]) func gateFunctionsAreAccurate(_ name: String) throws {
    let x = (UInt32(0)..<20_000).map { Float(bitPattern: $0 &* 214_013) }.filter { $0.isFinite }
    let outputs = try checkOperator(
      Node(
        "RNN", inputs: ["X", "W", "R"], outputs: ["Y"],
        attributes: [.strings("activations", [name])]),
      [
        Tensor(shape: [1, x.count, 1], x), Tensor(shape: [1, 1, 1], [1 as Float]),
        Tensor(shape: [1, 1, 1], [0 as Float]),
      ])
    let y = try #require(outputs[0]).array(as: Float.self)
    var largest = 0.0
    for (x, y) in zip(x, y) {
      let decay = exp(-abs(Double(x)))
      let exact = name == "Tanh" ? tanh(Double(x)) : (x < 0 ? decay : 1) / (1 + decay)
      // A subnormal result may become 0.
      if abs(exact) < Double(Float.leastNormalMagnitude), y == 0 { continue }
      let unit = Double(max(Float(exact).ulp, Float.leastNormalMagnitude.ulp))
      largest = max(largest, abs(Double(y) - exact) / unit)
    }
    #expect(largest < 3, "units of the last place")
  }

  @Test(arguments: ["RNN", "GRU", "LSTM"]) func makesAnySetOfOutputs(_ name: String) throws {
    let test = RecurrentCase("", name, sizes: [3, 2, 2, 3])
    let all = try checkOperator(test.node, test.inputs(Float.self))
    for kept in 0..<all.count {
      var node = test.node
      node.outputs = node.outputs.enumerated().map { $0 == kept ? $1 : "" }
      let some = try checkOperator(node, test.inputs(Float.self))
      #expect(some.map { $0 != nil } == all.indices.map { $0 == kept })
      #expect(some[kept] == all[kept])
      node.outputs.removeLast(all.count - 1 - kept)
      #expect(try checkOperator(node, test.inputs(Float.self)).last == all[kept])
    }
  }

  @Test(arguments: ["RNN", "GRU", "LSTM"])
  func withoutStepsTheInitialStateIsTheLast(_ name: String) throws {
    let test = RecurrentCase(
      "", name, sizes: [0, 2, 3, 4],
      given: ["initial_h", "initial_c"].filter {
        name == "LSTM" || $0 == "initial_h"
      })
    let inputs = test.inputs(Float.self)
    let outputs = try checkOperator(test.node, inputs)
    #expect(outputs[0]?.shape == [0, 1, 2, 4])
    #expect(Array(outputs[1...]) == Array(inputs[5...]))
  }

  @Test(arguments: ["RNN", "GRU", "LSTM"]) func anEmptyBatchIsFine(_ name: String) throws {
    let test = RecurrentCase("", name, sizes: [3, 0, 2, 4], lengths: [])
    let outputs = try checkOperator(test.node, test.inputs(Float.self))
    #expect(outputs[0]?.shape == [3, 1, 0, 4])
    #expect(outputs[1]?.shape == [1, 0, 4])
  }

  @Test func everyVersionIsServed() throws {
    let versions = ["RNN": [1, 7, 14, 22], "GRU": [1, 3, 7, 14, 22], "LSTM": [1, 7, 14, 22]]
    for (name, versions) in versions {
      let test = RecurrentCase("", name, sizes: [2, 1, 2, 2])
      let newest = try checkOperator(test.node, test.inputs(Float.self))
      for version in versions {
        #expect(
          try checkOperator(test.node, test.inputs(Float.self), opset: version) == newest)
      }
      var node = test.node
      node.attributes = [.int("output_sequence", 1), .string("direction", "forward")]
      #expect(try checkOperator(node, test.inputs(Float.self), opset: 1) == newest)
      node.attributes = [.int("layout", 0), .int("hidden_size", 2)]
      #expect(try checkOperator(node, test.inputs(Float.self), opset: 14) == newest)
    }
  }

  @Test func version1OfGRUMisspeltItsDefaultDirection() throws {
    let test = RecurrentCase("", "GRU", sizes: [2, 1, 2, 2])
    var node = test.node
    node.attributes = [.string("direction", "foward")]
    #expect(
      try checkOperator(node, test.inputs(Float.self), opset: 1)
        == checkOperator(test.node, test.inputs(Float.self)))
  }

  @Test func theDefaultOfRNNNamesTwoFunctions() throws {
    let test = RecurrentCase("", "RNN", sizes: [2, 1, 2, 2])
    var node = test.node
    node.attributes = [.strings("activations", ["Tanh", "Tanh"])]
    #expect(
      try checkOperator(node, test.inputs(Float.self))
        == checkOperator(test.node, test.inputs(Float.self)))
  }

  @Test func shapesAreInferredFromWhatIsKnown() throws {
    let node = Node("LSTM", inputs: ["X", "W", "R"], outputs: ["Y"])
    let made = try Registry.standard.make(node, operatorSet: 14).operator
    let types = try made.infer(
      Inputs(types: [
        .tensor(.float32, [.symbol("T"), .symbol("N"), .unknown]), .tensor(.float32, nil),
        .tensor(.float32, [1, .unknown, 5]),
      ]))
    #expect(types[0] == .tensor(.float32, [.symbol("T"), 1, .symbol("N"), 5]))
    #expect(types[2] == .tensor(.float32, [1, .symbol("N"), 5]))
  }
}
