import CKernels
import Glibc
import ONNX
import OperatorLaws
import Testing

/// A law of the house: the bits of a sample depend neither on the other samples of its batch nor on
/// their number, and those of a step not on the length of its sequence. `ONNX_SIMD_LEVEL` lowers the
/// instruction set that it is tested with.
@Suite struct BatchLawTests {
  // MARK: Products

  /// Depths around vectors, and around the pieces that long sums are cut into.
  private static let depths = [1, 2, 7, 16, 31, 64, 100, 255, 256, 257, 300, 511, 513, 600]

  @Test(arguments: depths, [1, 5, 16, 33, 48, 100])
  func products(depth: Int, columns: Int) throws {
    for isConstant in [true, false] {
      let matrix = BatchCase("MatMul", "MatMul", [depth], [[depth, columns]])
      let affine = BatchCase(
        "Gemm", "Gemm", [depth], [[columns, depth], [columns]], [.int("transB", 1)])
      for test in [matrix, affine] {
        try checkBatchLaw(test.with { $0.isConstant = isConstant })
        guard columns == 33 else { continue }
        for type in [ElementType.float64, .float16] {
          try checkBatchLaw(
            test.with {
              $0.isConstant = isConstant
              $0.type = type
            })
        }
      }
    }
  }

  static let otherProducts: [BatchCase] = [
    BatchCase("by a factor", "Gemm", [300], [[300, 40]], [.float("alpha", 0.3)]),
    BatchCase(
      "plus a fraction", "Gemm", [300], [[300, 40], [40]], [.float("beta", 0.7)]),
    BatchCase("of columns", "Gemm", [300], [[300, 40]], axis: 1, [.int("transA", 1)])
      .with { $0.outputAxis = 0 },
    BatchCase("with many columns", "Gemm", [1030], [[1100, 1030], [1100]], [.int("transB", 1)]),
    BatchCase(
      "with long columns", "Gemm", [2500], [[430, 2500], [430]], [.int("transB", 1)]),
    BatchCase("of sequences", "MatMul", [5, 300], [[300, 33]]),
    BatchCase("of sequences with one matrix of rank 3", "MatMul", [5, 300], [[1, 300, 33]]),
    BatchCase("of rows with one matrix of rank 3", "MatMul", [1, 300], [[1, 300, 33]]),
    BatchCase("of heads", "MatMul", [3, 5, 300], [[3, 300, 33]]),
    BatchCase.ofSamples("of samples with samples", "MatMul", [[5, 300], [300, 33]]),
    BatchCase.ofSamples("of single rows with samples", "MatMul", [[1, 300], [300, 33]]),
    BatchCase("with a vector", "MatMul", [5, 300], [[300]]),
    equation("nk,km->nm", [[300], [300, 33]], [0, nil]),
    equation("nik,km->nim", [[4, 300], [300, 33]], [0, nil]),
    equation("km,nk->nm", [[300, 33], [300]], [nil, 0]),
    equation("nhid,nhjd->nhij", [[2, 5, 70], [2, 6, 70]], [0, 0]),
    equation("nhid,hdk->nik", [[2, 5, 70], [2, 70, 9]], [0, nil]),
  ].flatMap { test in
    [true, false].flatMap { isConstant in
      [ElementType.float32, .float64].map { type in
        test.with {
          $0.isConstant = isConstant
          $0.type = type
        }
      }
    }
  }

  /// - Parameters:
  ///   - shapes: without the batch
  ///   - axes: of the samples, where an input has them
  private static func equation(_ text: String, _ shapes: [[Int]], _ axes: [Int?]) -> BatchCase {
    BatchCase(
      text, "Einsum",
      shapes: zip(shapes, axes).map { $1 == nil ? $0 : [BatchCase.count] + $0 }, axes: axes,
      [.string("equation", text)])
  }

  @Test(arguments: otherProducts) func otherFormsOfProducts(_ test: BatchCase) throws {
    try checkBatchLaw(test)
  }

  /// OpenBLAS's order of additions is another one, and its results are as near.
  @Test(arguments: otherProducts) func theOptionKeepsTheResult(_ test: BatchCase) throws {
    let inputs = test.inputs()
    let given = try test.given(inputs, 0..<BatchCase.count)
    let kept = try test.session(inputs).run(given)
    let loose = try test.session(inputs, isBatchInvariant: false).run(given)
    for name in test.node.outputs {
      #expect(try #require(kept[name]).isNear(to: loose[name], 1e-4))
    }
    #expect(try test.session(inputs, threads: 3).run(given) == kept)
  }

  /// Matrices too large to be packed are read where they lie.
  @Test(arguments: [1, 15, 16, 300, 1023, 1024, 1025, 2500])
  func rowsOfLargeMatrices(depth: Int) {
    let (count, rows) = (BatchCase.count, 23)
    let (x, w, start) = (noise(count * depth), noise(rows * depth, seed: 2), noise(rows, seed: 3))
    func products(_ samples: Range<Int>) -> [Float] {
      var y = [Float](repeating: .nan, count: samples.count * rows)
      x.withUnsafeBufferPointer { x in
        guard let x = x.baseAddress else { return }
        ck_dot_rows(x + samples.lowerBound * depth, samples.count, depth, rows, w, start, &y, rows)
      }
      return y
    }
    let whole = products(0..<count)
    for part in BatchCase.parts {
      let expected = whole[part.lowerBound * rows..<part.upperBound * rows]
      #expect(products(part).map(\.bitPattern) == expected.map(\.bitPattern), "\(part)")
    }
    for row in 0..<rows {
      let sum = (0..<depth).reduce(Double(start[row])) {
        $0 + Double(x[$1]) * Double(w[row * depth + $1])
      }
      #expect(abs(Double(whole[row]) - sum) < 1e-4)
    }
  }

  // MARK: Convolutions

  @Test(arguments: BatchCase.convolutions) func convolutions(_ test: BatchCase) throws {
    for isConstant in [true, false] {
      try checkBatchLaw(test.with { $0.isConstant = isConstant })
    }
    if test.shapes[0].reduce(1, *) < 20_000 {
      for type in [ElementType.float64, .float16] {
        try checkBatchLaw(test.with { $0.type = type })
      }
    }
  }

  // MARK: Recurrent layers

  @Test(arguments: ["RNN", "GRU", "LSTM"], [1, 4, 16, 31, 48, 64, 100, 300])
  func recurrentLayers(_ name: String, hidden: Int) throws {
    for test in BatchCase.recurrent(name, hidden: hidden) { try checkBatchLaw(test) }
  }

  /// The first steps of a sequence alone give what they give beside those that follow.
  @Test(arguments: ["RNN", "GRU", "LSTM"], [1, 4, 16, 31, 48, 64, 100, 300])
  func recurrentSteps(_ name: String, hidden: Int) throws {
    let steps = 19
    for test in BatchCase.recurrent(name, hidden: hidden)
    where !test.node.attributes.contains(where: { $0.name == "direction" }) {
      let inputs = test.inputs()
      let session = try test.session(inputs)
      let x = try #require(inputs["x0"]).part(0..<2, axis: 1)
      let long = try Tensor(
        shape: [steps, 2, x.shape[2]],
        (0..<steps).flatMap { step in
          try x.part(step % x.shape[0]..<step % x.shape[0] + 1, axis: 0).reals.map { Float($0) }
        }
      ).converted(to: test.type)
      var given = try test.given(inputs, 0..<2)
      given["x0"] = long
      let whole = try #require(try session.run(given)["y0"])
      for count in [1, 2, 3, 5, 7, 12, 18] {
        given["x0"] = try long.part(0..<count, axis: 0)
        let y = try session.run(given)["y0"]
        #expect(try y == whole.part(0..<count, axis: 0), "\(test.title), \(count) steps")
      }
    }
  }

  /// Sequences of other lengths in the batch change nothing.
  @Test(arguments: ["RNN", "GRU", "LSTM"]) func lengths(_ name: String) throws {
    for test in BatchCase.recurrent(name, hidden: 48) {
      try checkBatchLaw(test.withLengths())
    }
  }

  // MARK: Others

  @Test(arguments: BatchCase.others) func otherOperators(_ test: BatchCase) throws {
    try checkBatchLaw(test)
  }

  /// An element beside one beyond the range of a polynomial.
  @Test(arguments: ["Sin", "Cos"]) func neighboursDoNotShow(_ name: String) throws {
    let node = Node(name, inputs: ["x"], outputs: ["y"])
    let small = noise(200)
    let mixed = small.enumerated().map { $0 % 3 == 0 ? 3e7 : $1 }
    let alone = try #require(try checkOperator(node, [float32([200], small)])[0])
    let beside = try #require(try checkOperator(node, [float32([200], mixed)])[0])
    for (index, (a, b)) in zip(alone.reals, beside.reals).enumerated() where index % 3 != 0 {
      #expect(a == b)
    }
  }

  /// The environment lowers the level.
  @Test func theLevelIsNotAboveWhatTheEnvironmentNames() {
    guard let name = getenv("ONNX_SIMD_LEVEL").map({ String(cString: $0) }) else { return }
    let levels = ["portable", "avx2", "avx512"]
    #expect(levels.firstIndex(of: name).map { ck_simd_level() <= $0 } == true)
  }
}
