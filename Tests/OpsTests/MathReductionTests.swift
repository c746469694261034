import Foundation
import ONNX
import OperatorLaws
import Testing

/// Reductions and other operators along axes.
@Suite struct MathReductionTests {
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

  /// Sums over axes by plain loops.
  func sums(_ x: Tensor, _ axes: [Int]) -> [Double] {
    let kept = x.shape.indices.map { axes.contains($0) ? 1 : x.shape[$0] }
    var result = [Double](repeating: 0, count: kept.reduce(1, *))
    for (index, value) in x.elements(as: Float.self).enumerated() {
      var (rest, place, stride) = (index, 0, 1)
      for axis in x.shape.indices.reversed() {
        if kept[axis] != 1 { place += rest % x.shape[axis] * stride }
        rest /= x.shape[axis]
        stride *= kept[axis]
      }
      result[place] += Double(value)
    }
    return result
  }

  // Contiguous runs and rows, few and many results, long rows in parts.
  @Test(arguments: [
    ([2, 3, 4], [1]), ([2, 3, 4], [0, 2]), ([3, 70000], [1]), ([70000, 3], [0]),
    ([500, 2, 300], [0, 2]), ([2, 300, 500], [0, 1]), ([4, 1500], [0]), ([600, 3, 100], [0]),
    ([2, 2, 2, 2, 2], [0, 2, 4]), ([2, 2, 2, 2], [1, 3]), ([7], [0]), ([1, 1], [0, 1]),
    ([5, 1], [1]), ([500, 3], [1]), ([40, 30, 3], [2]), ([3000, 31], [1]), ([30, 33], [1]),
    ([2, 300, 128], [2]), ([300, 129], [1]),
  ])
  func addsAlongAnyAxes(_ shape: [Int], _ axes: [Int]) throws {
    let x = float32(shape, noise(shape.reduce(1, *)))
    let list = Tensor(shape: [axes.count], axes.map { Int64($0) })
    let y = try #require(try checkOperator(node("ReduceSum", 2), [x, list])[0])
    let expected = sums(x, axes)
    #expect(zip(y.reals, expected).allSatisfy { abs($0 - $1) < 1e-4 * max(1, abs($1)) })
    let mean = try #require(try checkOperator(node("ReduceMean", 2), [x, list])[0])
    let count = Double(x.count / expected.count)
    #expect(zip(mean.reals, expected).allSatisfy { abs($0 - $1 / count) < 1e-5 })
    let norm = try #require(try checkOperator(node("ReduceLogSumExp", 2), [x, list])[0])
    #expect(zip(norm.reals, mean.reals).allSatisfy { $0 >= $1 })
  }

  @Test func reducesIntegersLongerThanATask() throws {
    let values = (0..<100_000).map { Int64($0 % 1000) }
    let x = Tensor(shape: [100_000], values)
    #expect(
      try checkOperator(node("ReduceSum"), [x])[0] == Tensor(shape: [1], [values.reduce(0, +)]))
    #expect(try checkOperator(node("ReduceMax"), [x])[0] == Tensor(shape: [1], [999 as Int64]))
  }

  @Test func ofNothingGivesTheIdentity() throws {
    let x = try Tensor(uninitialized: .float32, shape: [2, 0])
    let axes = Tensor(shape: [1], [1 as Int64])
    let expected: [(String, Float)] = [
      ("ReduceSum", 0), ("ReduceProd", 1), ("ReduceMax", -.infinity), ("ReduceMin", .infinity),
      ("ReduceLogSum", -.infinity), ("ReduceLogSumExp", -.infinity), ("ReduceL2", 0),
    ]
    for (type, value) in expected {
      let y = try checkOperator(node(type, 2), [x, axes])
      #expect(y == [float32([2, 1], [value, value])], "\(type)")
    }
    let bytes = try Tensor(uninitialized: .int8, shape: [0])
    #expect(try checkOperator(node("ReduceMax"), [bytes])[0] == Tensor(shape: [1], [Int8.min]))
    let none = try Tensor(uninitialized: .float32, shape: [0, 3])
    #expect(try checkOperator(node("ReduceSum", 2), [none, axes])[0]?.shape == [0, 1])
  }

  @Test func keepsNaN() throws {
    var values = noise(100)
    values[70] = .nan
    for type in ["ReduceMax", "ReduceMin", "ReduceSum", "ReduceLogSumExp"] {
      for shape in [[100], [50, 2]] {
        let axes = Tensor(shape: [1], [0 as Int64])
        let y = try checkOperator(node(type, 2), [float32(shape, values), axes])[0]
        #expect(y?.reals.contains { $0.isNaN } == true, "\(type)")
      }
    }
    let infinite = float32([3], [-.infinity, -.infinity, -.infinity])
    #expect(try checkOperator(node("ReduceLogSumExp"), [infinite])[0]?.reals == [-.infinity])
  }

  @Test func rejectsWrongAxes() {
    let x = float32([2, 3], ramp(6))
    func axes(_ values: [Int]) -> Tensor { Tensor(shape: [values.count], values.map { Int64($0) }) }
    fails(node("ReduceSum", 2), [x, axes([2])], "out of range for rank")
    fails(node("ReduceSum", 2), [x, axes([.min])], "out of range for rank")
    fails(node("ReduceSum", 2), [x, axes([0, -2])], "given twice")
    fails(node("ReduceMax", 1, [.ints("axes", [5])]), [x], opset: 13, "out of range for rank")
    fails(node("ReduceMax", 2), [x, axes([0])], opset: 13, "expected 1 input")
    fails(node("ReduceSum", 1, [.ints("axes", [0])]), [x], "unknown attribute 'axes'")
    fails(node("ReduceSum"), [Tensor("a")], "unexpected element type")
    fails(node("ArgMax", 1, [.int("axis", 2)]), [x], "out of range for rank")
    fails(node("Softmax", 1, [.int("axis", -3)]), [x], "out of range for rank")
    fails(node("CumSum", 2), [x, Tensor(2 as Int32)], "out of range for rank")
    fails(node("CumSum", 2), [x, axes([0, 1])], "expected a scalar")
    fails(node("Softmax"), [Tensor(shape: [2], [1, 2] as [Int32])], "expected floating point")
  }

  @Test func rejectsTheGreatestOfNothing() throws {
    let x = try Tensor(uninitialized: .float32, shape: [2, 0])
    fails(node("ArgMax", 1, [.int("axis", 1)]), [x], "has no elements")
    #expect(try checkOperator(node("ArgMax"), [x])[0]?.shape == [1, 0])
  }

  @Test func softmaxCoercesToTwoDimensionsBeforeOpset13() throws {
    let x = float32([2, 2, 2], noise(8))
    let flat = try x.reshaped(to: [2, 4])
    for type in ["Softmax", "LogSoftmax", "Hardmax"] {
      let old = try #require(try checkOperator(node(type), [x], opset: 11)[0])
      let new = try #require(try checkOperator(node(type), [flat], opset: 13)[0])
      #expect(try old.reshaped(to: [2, 4]) == new, "\(type)")
    }
    let ones = try checkOperator(node("Softmax", 1, [.int("axis", 3)]), [x], opset: 1)
    #expect(ones == [float32([2, 2, 2], [Float](repeating: 1, count: 8))])
  }

  @Test(arguments: [[3, 1000], [1000, 3], [40, 7, 90], [5, 1], [0, 4], [4, 0]])
  func softmaxAddsUpToOneAlongAnyAxis(_ shape: [Int]) throws {
    let x = float32(shape, noise(shape.reduce(1, *)).map { $0 * 50 })
    for axis in shape.indices {
      let attributes: [Attribute] = [.int("axis", axis)]
      let y = try #require(try checkOperator(node("Softmax", 1, attributes), [x])[0])
      #expect(sums(y, [axis]).allSatisfy { abs($0 - 1) < 1e-5 } || shape[axis] == 0)
      let logarithm = try #require(try checkOperator(node("LogSoftmax", 1, attributes), [x])[0])
      let pairs = zip(y.reals, logarithm.reals)
      #expect(pairs.allSatisfy { $0 < 1e-30 || abs(log($0) - $1) < 1e-3 })
    }
  }

  @Test func argMaxFindsNaNAndTheFirstOrLastOfEquals() throws {
    let x = float32([5], [1, .nan, 3, .nan, 3])
    #expect(try checkOperator(node("ArgMax"), [x]) == [Tensor(shape: [1], [1 as Int64])])
    let last = node("ArgMin", 1, [.int("select_last_index", 1), .int("keepdims", 0)])
    #expect(try checkOperator(last, [x]) == [Tensor(3 as Int64)])
    let table = Tensor(shape: [3, 2], [1, 5, 7, 5, 7, 2] as [UInt8])
    #expect(
      try checkOperator(node("ArgMax"), [table]) == [Tensor(shape: [1, 2], [1, 0] as [Int64])])
  }

  @Test func topKOrdersEqualsByPlace() throws {
    func topK(_ x: Tensor, _ k: Int64, _ attributes: [Attribute] = []) throws -> [Tensor?] {
      let node = Node("TopK", inputs: ["x", "k"], outputs: ["v", "i"], attributes: attributes)
      return try checkOperator(node, [x, Tensor(shape: [1], [k])])
    }
    let x = float32([6], [2, .nan, 2, -1, 5, 2])
    let places = try topK(x, 5)[1]
    #expect(places == Tensor(shape: [5], [1, 4, 0, 2, 5] as [Int64]))
    let least = try topK(x, 3, [.int("largest", 0)])[1]
    #expect(least == Tensor(shape: [3], [3, 0, 2] as [Int64]))
    // A few of many elements, with a heap.
    let many = float32([10000], noise(10000))
    let values = try #require(try topK(many, 20)[0]?.array(as: Float.self))
    #expect(values == Array(try many.array(as: Float.self).sorted(by: >).prefix(20)))
    #expect(try topK(x, 0)[0]?.shape == [0])
    for k in [7, -1, .min] as [Int64] {
      #expect(throws: OperatorError.self) { try topK(x, k) }
    }
    #expect(throws: OperatorError.self) { try topK(x, 1, [.int("axis", 1)]) }
  }

  @Test func rejectsMatricesThatAreNotSquare() {
    fails(node("Det"), [float32([2, 3], ramp(6))], "square")
    fails(node("Det"), [float32([2], ramp(2))], "expected matrices")
  }
}
