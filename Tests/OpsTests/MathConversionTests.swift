import ONNX
import OperatorLaws
import Testing

/// Casts, quantisation, random numbers.
@Suite struct MathConversionTests {
  func node(_ type: String, _ inputs: Int = 1, _ attributes: [Attribute] = []) -> Node {
    Node(
      type, inputs: (0..<inputs).map { "x\($0)" }, outputs: ["y"], attributes: attributes)
  }

  func fails(_ node: Node, _ inputs: [Tensor?], opset: Int = 24, _ text: String) {
    let error = #expect(throws: OperatorError.self) {
      try checkOperator(node, inputs, opset: opset)
    }
    #expect(error?.description.contains(text) == true, "\(error?.description ?? "")")
  }

  func cast(
    _ x: Tensor, _ type: ElementType, _ attributes: [Attribute] = [], opset: Int = 28
  ) throws -> Tensor {
    let cast = node("Cast", 1, [.int("to", Int(type.rawValue))] + attributes)
    return try #require(try checkOperator(cast, [x], opset: opset)[0])
  }

  /// Small integers survive a round trip between every pair of numeric types.
  @Test func carriesSmallNumbersThroughEveryPairOfTypes() throws {
    let types = ElementType.allCases.filter {
      ![.undefined, .string, .complex64, .complex128, .float8e8m0].contains($0)
    }
    let x = float32([600], (0..<600).map { Float($0 % 2) })
    for first in types {
      let y = first == .float32 ? x : try cast(x, first)
      #expect(y.elementType == first)
      for second in types {
        let z = first == second ? y : try cast(y, second)
        let back = second == .float32 ? z : try cast(z, .float32)
        #expect(back == x, "\(first) to \(second)")
      }
    }
  }

  @Test func neverTrapsOnWhatDoesNotFit() throws {
    let x = Tensor(shape: [6], [.nan, .infinity, -.infinity, 1e300, -1e300, 3e9])
    for type in ElementType.allCases
    where ![.undefined, .complex64, .complex128, .float64].contains(type) {
      #expect(try cast(x, type).count == 6)
      #expect(try cast(cast(x, .float32), type == .float32 ? .float64 : type).count == 6)
    }
    #expect(try cast(x, .int64).array(as: Int64.self)[5] == 3_000_000_000)
    #expect(try cast(x, .bool).array(as: Bool.self) == [true, true, true, true, true, true])
    let big = Tensor(shape: [2], [.max, .min] as [Int64])
    #expect(try cast(big, .int32).array(as: Int32.self) == [-1, 0])
    let huge = Tensor(shape: [1], [1.8e19])
    #expect(try cast(huge, .uint64).array(as: UInt64.self) == [18_000_000_000_000_000_000])
  }

  @Test func writesNumbersAsText() throws {
    let x = float32([9], [0.1, 1, -2.5, 1e6, 1e16, 1.5e-7, .nan, -.infinity, 123456.79])
    #expect(
      try cast(x, .string).array(as: String.self) == [
        "0.1", "1.0", "-2.5", "1000000.0", "1e+16", "1.5e-07", "nan", "-inf", "123456.79",
      ])
    #expect(try cast(Tensor(-7 as Int8), .string) == Tensor("-7"))
    #expect(try cast(Tensor(true), .string) == Tensor("True"))
    #expect(try cast(Tensor(0.1 as Float16), .string) == Tensor("0.1"))
    #expect(try cast(Tensor(UInt64.max), .string) == Tensor("18446744073709551615"))
  }

  @Test func readsTextAsNumbers() throws {
    let x = Tensor(shape: [6], ["3.5", "1E8", "+INF", "-inf", "NaN", "-0"])
    let y = try cast(x, .float32)
    #expect(y.isNear(to: float32([6], [3.5, 1e8, .infinity, -.infinity, .nan, 0])))
    let whole = Tensor(shape: [3], ["9223372036854775807", "-12", "100.5"])
    #expect(try cast(whole, .int64).array(as: Int64.self) == [.max, -12, 100])
    for text in ["", "one", "0x10", "1 2", "nano"] {
      fails(node("Cast", 1, [.int("to", 1)]), [Tensor(text)], "is not a number")
    }
  }

  @Test func namesTypesInOpset1() throws {
    let old = node("Cast", 1, [.string("to", "INT64")])
    #expect(
      try checkOperator(old, [float32([1], [2.5])], opset: 1) == [Tensor(shape: [1], [2 as Int64])])
    fails(node("Cast", 1, [.string("to", "REAL")]), [float32([], [1])], opset: 1, "element type")
    fails(node("Cast", 1, [.int("to", 99)]), [float32([], [1])], "is not an element type")
    fails(node("Cast", 1, [.int("to", 16)]), [float32([], [1])], opset: 9, "expected one of")
    fails(node("Cast"), [float32([], [1])], "is missing")
  }

  @Test func bitCastKeepsTheBitsOfOneWidth() throws {
    let attributes: [Attribute] = [.int("to", Int(ElementType.uint4.rawValue))]
    let x = try Tensor(
      Int4.self, shape: [2],
      initializedBy: {
        $0[0] = Int4(rawValue: -1)
        $0[1] = Int4(rawValue: 5)
      })
    let y = try #require(try checkOperator(node("BitCast", 1, attributes), [x], opset: 26)[0])
    #expect(y.elements(as: UInt4.self).map(\.rawValue) == [15, 5])
    fails(node("BitCast", 1, attributes), [float32([], [1])], opset: 26, "as wide as")
    fails(node("BitCast", 1, [.int("to", 8)]), [float32([], [1])], opset: 26, "expected one of")
  }

  @Test func rejectsScalesThatDoNotFit() {
    let x = float32([2, 4], ramp(8))
    let quantize = node("QuantizeLinear", 2)
    fails(quantize, [x, float32([3], [1, 1, 1])], "expected shape [] or [4]")
    fails(
      node("QuantizeLinear", 2, [.int("axis", 2)]), [x, float32([4], ramp(4))],
      "out of range for rank")
    fails(quantize, [x, float32([4], ramp(4))], opset: 10, "expected a scalar")
    let blocks: [Attribute] = [.int("block_size", 3)]
    fails(node("QuantizeLinear", 2, blocks), [x, float32([2, 4], ramp(8))], "blocks of 3")
    fails(
      node("QuantizeLinear", 2, [.int("block_size", -1)]), [x, float32([], [1])],
      "at least 0, got -1")
    fails(
      node("QuantizeLinear", 3), [x, float32([4], ramp(4)), Tensor(0 as UInt8)],
      "expected the scale's shape")
    fails(
      node("QuantizeLinear", 3, [.int("output_dtype", 3)]),
      [x, float32([], [1]), Tensor(0 as UInt8)],
      "the type given by output_dtype")
    fails(
      node("DequantizeLinear", 3),
      [Tensor(1 as UInt8), float32([], [1]), Tensor(0 as Int8)], "expected the element type")
  }

  @Test func quantizesEveryBlockByItsScale() throws {
    // Five columns in blocks of two; the last block has one.
    let x = float32([2, 5], ramp(10))
    let scale = float32([2, 3], [1, 2, 4, 1, 2, 4])
    let attributes: [Attribute] = [.int("block_size", 2), .int("axis", 1)]
    let y = try checkOperator(node("QuantizeLinear", 2, attributes), [x, scale])
    #expect(y == [Tensor(shape: [2, 5], [0, 1, 1, 2, 1, 5, 6, 4, 4, 2] as [UInt8])])
    let back = try checkOperator(node("DequantizeLinear", 2, attributes), [y[0], scale])
    #expect(back == [float32([2, 5], [0, 1, 2, 4, 4, 5, 6, 8, 8, 8])])
  }

  @Test func dropsNothingOutsideTraining() throws {
    let x = float32([3], [1, 2, 3])
    for opset in [1, 6, 7, 10, 12, 22] {
      let attributes: [Attribute] = opset < 7 ? [.int("is_test", 1)] : []
      let dropout = Node("Dropout", inputs: ["x"], outputs: ["y", "mask"], attributes: attributes)
      let y = try checkOperator(dropout, [x], opset: opset)
      #expect(y[0] == x)
      let mask = opset < 10 ? float32([3], [1, 1, 1]) : Tensor(shape: [3], [true, true, true])
      #expect(y[1] == mask)
    }
    let training = Node("Dropout", inputs: ["x", "r", "t"], outputs: ["y"])
    for ratio in [1, -0.5, .nan] as [Float] {
      fails(training, [x, float32([], [ratio]), Tensor(true)], "expected a ratio")
    }
  }

  @Test func drawsTheDistributionsItIsAskedFor() throws {
    let normal = node("RandomNormal", 0, [.ints("shape", [10000]), .float("scale", 2)])
    let numbers = try #require(try checkOperator(normal, [])[0]?.reals)
    let mean = numbers.reduce(0, +) / 10000
    let variance = numbers.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 10000
    #expect(abs(mean) < 0.1 && abs(variance - 4) < 0.3)
    let draw = node("Multinomial", 1, [.int("sample_size", 2000), .float("seed", 1)])
    let logits = float32([1, 3], [0, 0.6931472, -.infinity])
    let classes = try #require(try checkOperator(draw, [logits])[0]?.array(as: Int32.self))
    let ones = classes.count { $0 == 1 }
    #expect(classes.allSatisfy { $0 < 2 } && abs(Double(ones) / 2000 - 2 / 3.0) < 0.05)
    fails(node("RandomUniform", 0, [.ints("shape", [-1])]), [], "nonnegative sizes")
    fails(node("RandomUniform", 0, [.ints("shape", [2]), .int("dtype", 7)]), [], "expected one of")
    fails(node("RandomNormalLike"), [Tensor("a")], "attribute dtype")
  }
}
