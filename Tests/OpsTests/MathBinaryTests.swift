import ONNX
import ONNXOperators
import OperatorLaws
import Testing

/// Broadcasting in all its versions, and invalid operands.
@Suite struct MathBinaryTests {
  func node(_ type: String, _ inputs: Int = 2, _ attributes: [Attribute] = []) -> Node {
    Node(
      type, inputs: (0..<inputs).map { "x\($0)" }, outputs: ["y"], attributes: attributes)
  }

  func fails(_ node: Node, _ inputs: [Tensor?], opset: Int = 24, _ text: String) {
    let error = #expect(throws: OperatorError.self) {
      try checkOperator(node, inputs, opset: opset)
    }
    #expect(error?.description.contains(text) == true, "\(error?.description ?? "")")
  }

  // Every kind of row: both advance, one is constant, rows in the middle, parts of rows.
  @Test(arguments: [
    ([5], [5]), ([], [5]), ([2, 3, 4], [3, 1]), ([2, 1, 4], [1, 3, 1]), ([2, 1, 3, 1], [4, 1, 5]),
    ([40000], [1]), ([3, 1], [40000]), ([300, 1, 2], [1, 200, 2]), ([0, 3], [1, 3]), ([1], [1, 1]),
    ([700, 3, 20], [1, 3, 1]), ([5, 70, 9], [70, 1]), ([500, 200], [200]),
    ([3, 50, 1, 70], [50, 6, 1]),
  ])
  func broadcastsAsNestedLoopsDo(_ a: [Int], _ b: [Int]) throws {
    let x = float32(a, noise(a.reduce(1, *)))
    let y = float32(b, noise(b.reduce(1, *), seed: 2))
    let z = try #require(try checkOperator(node("Sub"), [x, y])[0])
    let rank = max(a.count, b.count)
    func padded(_ shape: [Int]) -> [Int] { Array(repeating: 1, count: rank - shape.count) + shape }
    #expect(z.shape == zip(padded(a), padded(b)).map { $0 == 1 ? $1 : $0 })
    func place(_ index: Int, _ shape: [Int]) -> Int {
      var (rest, result, stride) = (index, 0, 1)
      for axis in (0..<rank).reversed() {
        let size = padded(shape)[axis]
        if size != 1 { result += rest % z.shape[axis] * stride }
        rest /= z.shape[axis]
        stride *= size
      }
      return result
    }
    let (left, right) = (try x.array(as: Float.self), try y.array(as: Float.self))
    let expected = (0..<z.count).map { left[place($0, a)] - right[place($0, b)] }
    #expect(try z.array(as: Float.self) == expected)
  }

  @Test func alignsTheSecondOperandAtAnAxisBeforeOpset7() throws {
    let a = float32([2, 3, 2], ramp(12))
    let b = float32([3], [100, 200, 300])
    let y = try checkOperator(
      node("Add", 2, [.int("broadcast", 1), .int("axis", 1)]), [a, b], opset: 6)
    let expected: [Float] = [100, 101, 202, 203, 304, 305, 106, 107, 208, 209, 310, 311]
    #expect(y == [float32([2, 3, 2], expected)])
    let last = try checkOperator(
      node("Add", 2, [.int("broadcast", 1)]), [a, float32([2], [10, 20])], opset: 1)
    #expect(try last[0]?.array(as: Float.self).prefix(4) == [10, 21, 12, 23])
  }

  @Test func rejectsUnequalShapesWithoutBroadcastBeforeOpset7() {
    let (a, b) = (float32([2, 3], ramp(6)), float32([3], ramp(3)))
    fails(node("Mul"), [a, b], opset: 6, "expected shape [2,3], got [3]")
    fails(node("Sum", 2), [a, b], opset: 6, "expected shape [2,3], got [3]")
    fails(
      node("Mul", 2, [.int("broadcast", 1), .int("axis", 1)]), [a, float32([2], ramp(2))], opset: 6,
      "does not broadcast")
    fails(
      node("Mul", 2, [.int("broadcast", 1), .int("axis", .min)]), [a, b], opset: 6, "does not fit")
    fails(node("Mul", 2, [.int("broadcast", 1)]), [a, b], opset: 7, "unknown attribute")
  }

  @Test func rejectsShapesThatDoNotBroadcast() {
    let (a, b) = (float32([2, 3], ramp(6)), float32([2], ramp(2)))
    for type in ["Add", "Pow", "Less", "Max"] { fails(node(type), [a, b], "does not broadcast") }
    fails(
      node("Where", 3), [Tensor(shape: [4], [true, true, false, false]), a, a],
      "does not broadcast")
    fails(node("PRelu"), [b, a], "does not broadcast")
  }

  @Test func rejectsOperandsOfDifferentTypes() {
    let (a, b) = (float32([1], [1]), Tensor(shape: [1], [1] as [Int32]))
    for type in ["Add", "Equal", "Min"] { fails(node(type), [a, b], "expected the element type") }
    fails(node("Where", 3), [Tensor(shape: [1], [true]), a, b], "expected the element type")
    fails(node("And"), [a, a], "unexpected element type")
    fails(node("BitwiseAnd"), [a, a], "unexpected element type")
  }

  @Test func rejectsIntegerDivisionByZeroAndWrapsTheRest() throws {
    let x = Tensor(shape: [3], [Int32.min, 7, -7])
    fails(node("Div"), [x, Tensor(shape: [3], [1, 0, 1] as [Int32])], "division by zero")
    fails(node("Mod"), [x, Tensor(0 as Int32)], "division by zero")
    let negative = Tensor(-1 as Int32)
    #expect(
      try checkOperator(node("Div"), [x, negative]) == [
        Tensor(shape: [3], [.min, -7, 7] as [Int32])
      ])
    #expect(
      try checkOperator(node("Mod"), [x, negative]) == [Tensor(shape: [3], [0, 0, 0] as [Int32])])
    let bytes = Tensor(shape: [2], [100, -128] as [Int8])
    #expect(
      try checkOperator(node("Add"), [bytes, bytes]) == [Tensor(shape: [2], [-56, 0] as [Int8])])
    #expect(
      try checkOperator(node("Abs", 1), [bytes]) == [Tensor(shape: [2], [100, -128] as [Int8])])
  }

  @Test func modTakesTheSignOfTheDivisorAlsoOfFloats() throws {
    let y = try checkOperator(
      node("Mod"),
      [float32([6], [5.5, -5.5, 5.5, -5.5, 4, -4]), float32([6], [2, 2, -2, -2, -2, 2])], opset: 28)
    #expect(y == [float32([6], [1.5, 0.5, -0.5, -1.5, -0.0, 0])])
  }

  @Test func shiftsBeyondTheWidthLeaveTheSign() throws {
    let x = Tensor(shape: [3], [-8, 8, -8] as [Int32])
    let by = Tensor(shape: [3], [1, 32, -1] as [Int32])
    let right = node("BitShift", 2, [.string("direction", "RIGHT")])
    let left = node("BitShift", 2, [.string("direction", "LEFT")])
    #expect(
      try checkOperator(right, [x, by], opset: 28) == [Tensor(shape: [3], [-4, 0, -1] as [Int32])])
    #expect(
      try checkOperator(left, [x, by], opset: 28) == [Tensor(shape: [3], [-16, 0, 0] as [Int32])])
    fails(node("BitShift", 2, [.string("direction", "UP")]), [x, by], opset: 28, "LEFT or RIGHT")
  }

  @Test func powersTakeMixedTypes() throws {
    let exponents = Tensor(shape: [4], [2, -1, 0, 3] as [Int64])
    #expect(
      try checkOperator(node("Pow"), [Tensor(2 as Int32), exponents])
        == [Tensor(shape: [4], [4, 0, 1, 8] as [Int32])])
    #expect(
      try checkOperator(node("Pow"), [float32([], [-2]), exponents])
        == [float32([4], [4, -0.5, 1, -8])])
    #expect(
      try checkOperator(node("Pow"), [float32([3], [-2, 0, 4]), Tensor(0.5 as Double)])[0]?
        .isNear(to: float32([3], [.nan, 0, 2])) == true)
    fails(node("Pow"), [Tensor("a"), exponents], "a power of string")
  }

  @Test func keepsNaNAndComparesStringsByTheirBytes() throws {
    let x = float32([3], [.nan, 1, 2])
    let y = float32([3], [0, .nan, 1])
    let greatest = try checkOperator(node("Max"), [x, y])[0]
    #expect(greatest?.isNear(to: float32([3], [.nan, .nan, 2])) == true)
    #expect(try checkOperator(node("Equal"), [x, x]) == [Tensor(shape: [3], [false, true, true])])
    let composed = Tensor(shape: [2], ["\u{E9}", "a"])
    let combined = Tensor(shape: [2], ["e\u{301}", "a"])
    #expect(
      try checkOperator(node("Equal"), [composed, combined]) == [Tensor(shape: [2], [false, true])])
    #expect(
      try checkOperator(
        node("Where", 3), [Tensor(shape: [2], [false, true]), composed, Tensor("b")])
        == [Tensor(shape: [2], ["b", "a"])])
  }

  @Test func clipsBetweenBoundsInAnyOrder() throws {
    let x = float32([4], [-2, 0, 2, .nan])
    let y = try checkOperator(node("Clip", 3), [x, float32([], [1]), float32([], [-1])])[0]
    #expect(y?.isNear(to: float32([4], [-1, -1, -1, .nan])) == true)
    let old = try checkOperator(
      node("Clip", 1, [.float("min", -1), .float("max", 1)]), [x], opset: 6)[0]
    #expect(old?.isNear(to: float32([4], [-1, 0, 1, .nan])) == true)
    fails(node("Clip", 2), [x, float32([2], [0, 1])], "expected a scalar")
    fails(node("Clip", 2), [x, Tensor(0 as Double)], "expected the element type")
  }

  @Test func slopesOfOldVersionsBelongToChannels() throws {
    let x = float32([1, 2, 2], [-1, -1, -1, 1])
    let y = try checkOperator(node("PRelu"), [x, float32([2], [2, 3])], opset: 6)
    #expect(y == [float32([1, 2, 2], [-2, -2, -3, 1])])
  }

  @Test func infersSymbolsAndUnknownSizes() throws {
    let add = try Registry.standard.make(node("Add"), operatorSet: 24).operator
    func shape(_ a: Shape?, _ b: Shape?) throws -> Shape? {
      try add.infer(Inputs(types: [.tensor(.float32, a), .tensor(.float32, b)]))[0].tensorType?
        .shape
    }
    #expect(try shape([.symbol("N"), 3], [.symbol("N"), 1]) == [.symbol("N"), 3])
    #expect(try shape([.symbol("N")], [.symbol("M")]) == [.unknown])
    #expect(try shape([.symbol("N")], [4]) == [4])
    #expect(try shape([.symbol("N"), 5], []) == [.symbol("N"), 5])
    #expect(try shape(nil, [3]) == nil)
  }
}
