import ComplexModule
import ONNX
import OperatorLaws
import Testing

/// Operators that accept complex numbers, booleans and strings.
@Suite struct UnusualTypeTests {
  private typealias Number = Complex<Float>

  private func complex(_ shape: [Int], _ real: [Float], _ imaginary: [Float]) -> Tensor {
    Tensor(shape: shape, zip(real, imaginary).map { Number($0, $1) })
  }

  private func run(
    _ type: String, _ inputs: [Tensor?], _ attributes: [Attribute] = [], opset: Int = 24
  ) throws -> Tensor? {
    let names = inputs.enumerated().map { $1 == nil ? "" : "x\($0)" }
    return try checkOperator(
      Node(type, inputs: names, outputs: ["y"], attributes: attributes), inputs, opset: opset)[0]
  }

  /// Linear operators act on real and imaginary parts separately.
  @Test func resizesComplexNumbers() throws {
    let (a, b): ([Float], [Float]) = ([1, 2, 4, 8], [0, -1, 3, 5])
    let scales = Tensor(shape: [1], [2] as [Float])
    for mode in ["nearest", "linear", "cubic"] {
      func resize(_ x: Tensor) throws -> Tensor {
        try #require(try run("Resize", [x, nil, scales], [.string("mode", mode)]))
      }
      let real = try resize(Tensor(shape: [4], a)).array(as: Float.self)
      let imaginary = try resize(Tensor(shape: [4], b)).array(as: Float.self)
      #expect(try resize(complex([4], a, b)) == complex([8], real, imaginary))
    }
    let flags = Tensor(shape: [2], [true, false])
    #expect(
      try run("Resize", [flags, nil, scales]) == Tensor(shape: [4], [true, true, false, false]))
    #expect(throws: OperatorError.self) {
      try run("Resize", [flags, nil, scales], [.string("mode", "linear")])
    }
  }

  @Test func samplesComplexNumbersBooleansAndStrings() throws {
    let grid = Tensor(shape: [1, 1, 3, 2], [-0.5, 0, 0.25, 0, 5, 5] as [Float])
    func sample(_ x: Tensor, _ mode: String) throws -> Tensor? {
      try run("GridSample", [x, grid], [.string("mode", mode)])
    }
    // Along the last axis, the positions are 0, 0.75 and far outside.
    #expect(
      try sample(complex([1, 1, 1, 2], [4, 8], [0, -4]), "linear")
        == complex([1, 1, 1, 3], [4, 7, 0], [0, -3, 0]))
    #expect(
      try sample(Tensor(shape: [1, 1, 1, 2], ["a", "b"]), "nearest")
        == Tensor(shape: [1, 1, 1, 3], ["a", "b", ""]))
    #expect(
      try sample(Tensor(shape: [1, 1, 1, 2], [false, true]), "linear")
        == Tensor(shape: [1, 1, 1, 3], [false, true, false]))
    #expect(throws: OperatorError.self) {
      try sample(Tensor(shape: [1, 1, 1, 2], ["a", "b"]), "linear")
    }
  }

  @Test func addsUpColumnsOfComplexNumbersAndBooleans() throws {
    // Windows of 2 on a line of 3: the one in the middle is in both.
    func image(_ x: Tensor) throws -> Tensor? {
      try run("Col2Im", [x, int64s(1, 3), int64s(1, 2)])
    }
    #expect(
      try image(complex([1, 2, 2], [1, 2, 3, 4], [0, 1, 0, -1]))
        == complex([1, 1, 1, 3], [1, 5, 4], [0, 1, -1]))
    #expect(
      try image(Tensor(shape: [1, 2, 2], [false, true, false, false]))
        == Tensor(shape: [1, 1, 1, 3], [false, true, false]))
    #expect(throws: OperatorError.self) {
      try image(Tensor(shape: [1, 2, 2], ["a", "b", "c", "d"]))
    }
  }

  @Test(
    arguments: [
      ("add", [4, 1], [1, 1]), ("mul", [3, 1], [1, 1]), ("max", [3, 1], [0, 1]),
      ("min", [1, 1], [1, 1]),
    ] as [(String, [Float], [Float])])
  func scattersComplexNumbers(_ reduction: String, real: [Float], imaginary: [Float]) throws {
    let data = complex([2], [1, 1], [1, 1])
    let update = complex([1], [3], [0])
    let expected = complex([2], real, reduction == "mul" ? [3, 1] : imaginary)
    let attributes: [Attribute] = [.string("reduction", reduction)]
    #expect(try run("ScatterElements", [data, int64s(0), update], attributes) == expected)
    #expect(
      try run(
        "ScatterND", [data, Tensor(shape: [1, 1], [0] as [Int64]), update], attributes) == expected)
  }
}
