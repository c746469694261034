import ONNX
import Testing

@Suite struct TensorTests {
  @Test func literalsNest() {
    let x: Tensor = [[1, 2.5, 3], [-4, 5, 6]]
    #expect(x == Tensor(shape: [2, 3], [1, 2.5, 3, -4, 5, 6] as [Float]))
    #expect([[1, 2], [3, 4]] as Tensor == Tensor(shape: [2, 2], [1, 2, 3, 4] as [Int64]))
    #expect([true, false] as Tensor == Tensor(shape: [2], [true, false]))
    #expect(2.5 as Tensor == Tensor(shape: [], [2.5] as [Float]))
    #expect([] as Tensor == Tensor(zeros: [0]))
  }

  @Test func raggedLiteralsAreAMistake() async {
    await #expect(processExitsWith: .failure) { _ = [[1, 2], [3]] as Tensor }
  }

  @Test func shapesCanFollowTheElements() {
    #expect(Tensor([1, 2, 3, 4.5], shape: [2, 2]) == [[1, 2], [3, 4.5]])
    #expect(Tensor([1, 2], shape: [2, 1]) == Tensor(shape: [2, 1], [1, 2] as [Int64]))
    #expect(Tensor([1.5, 2] as [Double]).type == TensorType(.float64, [2]))
    let values: [Float] = [1, 2]
    #expect(Tensor(values) == [1.0, 2.0])
  }

  @Test func constants() throws {
    #expect(Tensor(zeros: [2]) == [0.0, 0.0])
    #expect(Tensor(zeros: [2], .string) == Tensor(["", ""]))
    #expect(Tensor(ones: [2]) == [1.0, 1.0])
    #expect(Tensor(ones: [1], .bfloat16).type == TensorType(.bfloat16, [1]))
    #expect(try Tensor(ones: [2], .int4).floats == [1, 1])
    #expect(
      Tensor(repeating: 7 as UInt8, shape: [1, 2]) == Tensor(shape: [1, 2], [7, 7] as [UInt8]))
  }

  @Test func elementsAreRead() throws {
    let x: Tensor = [[1.5, 2, 3], [4, 5, 6]]
    #expect(x.rank == 2 && x.count == 6)
    #expect(try x[1, 2].scalar == 6)
    #expect(try Tensor(shape: [1, 1], [7] as [Int8]).scalar == 7)
    #expect(try Tensor([1, -2] as [Int8]).floats == [1, -2])
    #expect(try ([true, false] as Tensor).floats == [1, 0])
    #expect(x.withSpan(as: Float.self) { $0[0] + $0[5] } == 7.5)
    #expect(
      throws: TensorError.operation("scalar", "expected a tensor of one element, got \(x.type)")
    ) { try x.scalar }
    #expect(throws: TensorError.self) { try Tensor(["1"]).floats }
  }

  // numpy.arange(24).reshape(2, 3, 4)[…]
  @Test func slicesAreThoseOfNumPy() throws {
    let x = try Tensor((0..<24).map { $0 }).reshaped(to: [2, 3, 4])
    #expect(x[1, 1..., -1].elementText == "[19 23]")
    #expect(x[-1, 0, 1...2].elementText == "[13 14]")
    #expect(x[.all, 2, ..<1].elementText == "[[ 8]\n [20]]")
    #expect(x[..., 0].elementText == "[[ 0  4  8]\n [12 16 20]]")
    #expect(x[..., (-2)..., 3].elementText == "[[ 7 11]\n [19 23]]")
    #expect(x[0, 1..<1].elementText == "[]")
    #expect(x[0, 1..<1].shape == [0, 4])
    #expect(x[1, 2, 3].elementText == "23")
    #expect(x[0, ...(-2), ..<(-3)].elementText == "[[0]\n [4]]")
    #expect(x[...] == x)
    #expect(x[0...1] == x)
    #expect(Tensor(["a", "b", "c"])[1...] == Tensor(["b", "c"]))
  }

  @Test func indicesOutOfRangeAreAMistake() async {
    await #expect(processExitsWith: .failure) { _ = Tensor(zeros: [2, 3])[2] }
    await #expect(processExitsWith: .failure) { _ = Tensor(zeros: [2, 3])[-3] }
    await #expect(processExitsWith: .failure) { _ = Tensor(zeros: [2, 3])[0, 1...3] }
    await #expect(processExitsWith: .failure) { _ = Tensor(zeros: [2, 3])[0, 0, 0] }
  }

  @Test func operationsRunTheStandardsOperators() throws {
    let x: Tensor = [[1, 5.0, 3], [4, 2, 6]]
    #expect(try x.reshaped(to: [3, -1]) == [[1, 5.0], [3, 4], [2, 6]])
    #expect(try x.transposed() == [[1, 4.0], [5, 2], [3, 6]])
    #expect(try x.transposed(-1, 0) == x.transposed())
    #expect(try x.cast(to: .int64) == [[1, 5, 3], [4, 2, 6]])
    #expect(try Tensor.stacked([x, x]).shape == [2, 2, 3])
    #expect(try Tensor.stacked([[1, 2], [3, 4]], axis: -1) == [[1, 3], [2, 4]])
    #expect(
      try Tensor.concatenated([x, x[.all, ..<1]], axis: 1) == [[1, 5.0, 3, 1], [4, 2, 6, 4]])
    #expect(try x.argmax() == [1, 2])
    #expect(try x.argmax(axis: 0, keepsAxis: true) == [[1, 0, 1]])
    let top = try x.topK(2)
    #expect(top.values == [[5.0, 3], [6, 4]] && top.indices == [[1, 2], [2, 0]])
    #expect(try x.matmul(x.transposed()) == [[35.0, 32], [32, 56]])
    // numpy.exp(x) / numpy.exp(x).sum(1, keepdims=True)
    #expect(
      try x.softmax(axis: 1).isClose(
        to: [[0.01587624, 0.86681333, 0.11731043], [0.11731043, 0.01587624, 0.86681333]]))
  }

  @Test func arithmeticBroadcasts() throws {
    let x: Tensor = [[1.0, 2], [3, 4]]
    #expect(try x + 1.0 == [[2.0, 3], [4, 5]])
    #expect(try x - [1.0, 2] == [[0.0, 0], [2, 2]])
    #expect(try 2.0 * x == [[2.0, 4], [6, 8]])
    #expect(try [7, -7] / 2 == [3, -3])
  }

  @Test func dataThatDoesNotFitThrows() {
    let x: Tensor = [[1.0, 2, 3]]
    for (text, body) in [
      ("6 elements do not fill", { try Tensor(zeros: [6]).reshaped(to: [-1, 4]) }),
      ("Transpose: ", { try x.transposed(0, 0) }),
      ("Transpose: ", { try x.transposed(0) }),
      ("Softmax: ", { try x.softmax(axis: 2) }),
      ("Softmax: input 0: expected one of", { try Tensor([1, 2]).softmax() }),
      ("TopK: ", { try x.topK(4).values }),
      ("Concat: ", { try Tensor.concatenated([]) }),
      ("stacked: there are no tensors", { try Tensor.stacked([]) }),
      (
        "stacked: the tensors differ: float32[1,3] and float32[]", { try Tensor.stacked([x, 1.0]) }
      ),
      ("stacked: axis 3 is out of range", { try Tensor.stacked([x], axis: 3) }),
      ("Cast: ", { try Tensor(["one"]).cast(to: .float32) }),
      ("Add: ", { try x + 1 }),
      ("Mul: ", { try x * [1.0, 2] }),
      ("MatMul: ", { try x.matmul(x) }),
    ] as [(String, () throws -> Tensor)] {
      let error = #expect(throws: TensorError.self) { try body() }
      #expect("\(error.map { "\($0)" } ?? "")".hasPrefix(text), "\(error.map { "\($0)" } ?? "")")
    }
  }

  @Test func toleranceIsRelativeOrAbsolute() {
    let x: Tensor = [1.0, 100]
    #expect(x.isClose(to: [1.0, 100.0005]))
    #expect(!x.isClose(to: [1.0, 100.01]))
    #expect(x.isClose(to: [1.0, 100.01], absolute: 0.1))
    #expect(!x.isClose(to: [[1.0, 100]]))
    #expect(!x.isClose(to: [1, 100]))
    #expect(([1, 2] as Tensor).isClose(to: [1, 2]))
  }
}
