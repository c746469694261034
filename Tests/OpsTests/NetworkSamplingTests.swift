import ONNX
import OperatorLaws
import Testing

/// Resize and related operators, with values from the standard's node cases.
@Suite struct NetworkSamplingTests {
  func resize(
    _ x: Tensor, roi: [Float]? = nil, scales: [Float]? = nil, sizes: [Int64]? = nil,
    _ attributes: [Attribute] = []
  ) throws -> Tensor {
    let inputs: [Tensor?] = [
      x, roi.map { float32([$0.count], $0) }, scales.map { float32([$0.count], $0) },
      sizes.map { Tensor(shape: [$0.count], $0) },
    ]
    let names = zip(["x", "r", "f", "s"], inputs).map { $1 == nil ? "" : $0 }
    let node = Node("Resize", inputs: names, outputs: ["y"], attributes: attributes)
    return try #require(try checkOperator(node, inputs)[0])
  }
  let square = float32([1, 1, 2, 2], [1, 2, 3, 4])
  let two = float32([1, 1, 2, 4], ramp(8, from: 1))
  let four = float32([1, 1, 4, 4], ramp(16, from: 1))
  let enlarged = float32(
    [1, 1, 4, 6],
    [1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 3, 3, 3, 4, 4, 4])

  @Test func repeatsTheNearest() throws {
    #expect(try resize(square, scales: [1, 1, 2, 3]) == enlarged)
    let old = try checkOperator(
      Node("Upsample", inputs: ["x", "s"], outputs: ["y"]),
      [square, float32([4], [1, 1, 2, 3])], opset: 9)
    #expect(old == [enlarged])
    let older = try checkOperator(
      Node(
        "Upsample", inputs: ["x"], outputs: ["y"],
        attributes: [.float("height_scale", 2), .float("width_scale", 3)]), [square], opset: 1)
    #expect(older == [enlarged])
    let names = Tensor(shape: [1, 2], ["a", "b"])
    #expect(
      try resize(names, sizes: [1, 4]) == Tensor(shape: [1, 4], ["a", "a", "b", "b"]))
  }

  @Test func resizeOfVersion10RoundsOutward() throws {
    let y = try checkOperator(
      Node("Resize", inputs: ["x", "s"], outputs: ["y"]),
      [two, float32([4], [1, 1, 0.6, 0.6])], opset: 10)
    #expect(y == [float32([1, 1, 1, 2], [1, 3])])
  }

  @Test func interpolates() throws {
    let linear = Attribute.string("mode", "linear")
    let scales: [Float] = [1, 1, 0.6, 0.6]
    #expect(
      try resize(two, scales: scales, [linear]).isNear(
        to: float32([1, 1, 1, 2], [2.6666667, 4.3333333])))
    #expect(
      try resize(
        two, scales: scales,
        [linear, .string("coordinate_transformation_mode", "align_corners")]
      ).isNear(to: float32([1, 1, 1, 2], [1, 3.142857])))
    #expect(
      try resize(
        four, roi: [0, 0, 0.4, 0.6, 1, 1, 0.6, 0.8], sizes: [1, 1, 3, 3],
        [linear, .string("coordinate_transformation_mode", "tf_crop_and_resize")]
      ).isNear(
        to: float32([1, 1, 3, 3], [7.6, 7.9, 8.2, 8.8, 9.1, 9.4, 10, 10.3, 10.6])))
    #expect(
      try resize(
        four, scales: scales, [.string("mode", "cubic"), .int("antialias", 1)]
      ).isNear(to: float32([1, 1, 2, 2], [2.51807, 4.28589, 9.58933, 11.3571])))
    let cubic = try resize(four, scales: [1, 1, 2, 2], [.string("mode", "cubic")])
    let row: [Float] = [0.472656, 0.769531, 1.24609, 1.875, 2.28125, 2.91016, 3.38672, 3.68359]
    #expect(
      Tensor(shape: [8], Array(cubic.elements(as: Float.self)[..<8])).isNear(
        to: float32([8], row)))
  }

  @Test func keepsTheAspectRatio() throws {
    let y = try resize(
      two, sizes: [1, 3],
      [.ints("axes", [2, 3]), .string("keep_aspect_ratio_policy", "not_larger")])
    #expect(y == float32([1, 1, 1, 2], [1, 3]))
  }

  @Test func rejectsWhatCannotBeResized() {
    let linear = Attribute.string("mode", "linear")
    let bad: [() throws -> Tensor] = [
      { try resize(two) },
      { try resize(two, scales: [1, 1, 2]) },
      { try resize(two, scales: [1, 1, 0, 2]) },
      { try resize(two, scales: [1, 1, -1, 2]) },
      { try resize(two, scales: [1, 1, .nan, 2]) },
      { try resize(two, scales: [1, 1, .infinity, 2]) },
      { try resize(two, scales: [1, 1, 1e18, 1e18]) },
      { try resize(two, sizes: [1, 1, -2, 2]) },
      { try resize(two, sizes: [1, 1], [.ints("axes", [4, 1])]) },
      { try resize(two, sizes: [1, 1], [.ints("axes", [1, -3])]) },
      { try resize(Tensor(shape: [2], ["a", "b"]), sizes: [3], [linear]) },
      { try resize(float32([0], []), sizes: [3], [linear]) },
      {
        try resize(
          two, scales: [1, 1, 2, 2],
          [.string("coordinate_transformation_mode", "tf_crop_and_resize")])
      },
    ]
    for resize in bad { #expect(throws: OperatorError.self) { try resize() } }
  }

  @Test func samplesAGrid() throws {
    let x = float32([1, 1, 3, 2], ramp(6))
    func sample(_ grid: [Float], _ attributes: Attribute...) throws -> Tensor {
      let points = grid.flatMap { [$0, $0] }
      return try #require(
        try checkOperator(
          Node("GridSample", inputs: ["x", "g"], outputs: ["y"], attributes: attributes),
          [x, float32([1, 2, 4, 2], points)])[0])
    }
    let near: [Float] = [-1, -0.5, -0.2, 0, 0, -0.2, 0.5, 1]
    let far: [Float] = [-10, -5, -0.2, 10, 10, -0.2, 5, 10]
    #expect(
      try sample(near, .string("mode", "nearest"))
        == float32([1, 1, 2, 4], [0, 0, 2, 2, 2, 2, 5, 0]))
    #expect(
      try sample(near, .string("mode", "cubic")).isNear(
        to: float32(
          [1, 1, 2, 4], [-0.1406, 0.3828, 1.7556, 2.9688, 2.9688, 1.7556, 5.1445, 1.3906]), 1e-4))
    #expect(
      try sample(far).isNear(to: float32([1, 1, 2, 4], [0, 0, 1.7, 0, 0, 1.7, 0, 0])))
    #expect(
      try sample(far, .string("padding_mode", "reflection")).isNear(
        to: float32([1, 1, 2, 4], [2.5, 0, 1.7, 2.5, 2.5, 1.7, 5, 2.5])))
    let wild: [Float] = [.nan, .infinity, -.infinity, 1e30, -1e30, 0, 0, 0]
    for mode in ["nearest", "linear", "cubic"] {
      for padding in ["zeros", "border", "reflection"] {
        _ = try sample(wild, .string("mode", mode), .string("padding_mode", padding))
      }
    }
  }

  @Test func makesAnAffineGrid() throws {
    let size = Tensor(shape: [4], [1, 1, 2, 4] as [Int64])
    let identity = float32([1, 2, 3], [1, 0, 0, 0, 1, 0])
    let y = try checkOperator(
      Node("AffineGrid", inputs: ["t", "s"], outputs: ["y"]), [identity, size])
    let row: [Float] = [-0.75, -0.25, 0.25, 0.75]
    let expected: [Float] = (0..<16).map { $0 % 2 == 0 ? row[$0 / 2 % 4] : $0 < 8 ? -0.5 : 0.5 }
    #expect(y == [float32([1, 2, 4, 2], expected)])
  }

  @Test func poolsRegions() throws {
    let x = float32([1, 1, 4, 4], ramp(16))
    let y = try checkOperator(
      Node(
        "MaxRoiPool", inputs: ["x", "r"], outputs: ["y"],
        attributes: [.ints("pooled_shape", [2, 2])]),
      [x, float32([1, 5], [0, 0, 0, 3, 3])])
    #expect(y == [float32([1, 1, 2, 2], [5, 7, 13, 15])])
    // One point in the middle of each 2 × 2 bin: the mean of its elements.
    let align = Node(
      "RoiAlign", inputs: ["x", "r", "b"], outputs: ["y"],
      attributes: [
        .int("output_height", 2), .int("output_width", 2), .int("sampling_ratio", 1),
      ])
    let regions = float32([1, 4], [0, 0, 4, 4])
    let means = try checkOperator(align, [x, regions, Tensor(shape: [1], [0] as [Int64])])
    #expect(means == [float32([1, 1, 2, 2], [2.5, 4.5, 10.5, 12.5])])
    for image in [1, -1, Int64.max] {
      #expect(throws: OperatorError.self) {
        try checkOperator(align, [x, regions, Tensor(shape: [1], [image])])
      }
    }
    var adaptive = align
    adaptive.attributes = []
    #expect(throws: OperatorError.self) {
      try checkOperator(
        adaptive, [x, float32([1, 4], [0, 0, 1e30, 4]), Tensor(shape: [1], [0] as [Int64])])
    }
  }

  @Test func addsColumnsUp() throws {
    let columns = float32(
      [1, 5, 5],
      [
        1, 6, 11, 16, 21, 2, 7, 12, 17, 22, 3, 8, 13, 18, 23, 4, 9, 14, 19, 24, 5, 0, 15, 20, 25,
      ])
    let node = Node("Col2Im", inputs: ["x", "i", "b"], outputs: ["y"])
    func sizes(_ sizes: Int64...) -> Tensor { Tensor(shape: [sizes.count], sizes) }
    var expected = ramp(25, from: 1)
    expected[9] = 0
    #expect(
      try checkOperator(node, [columns, sizes(5, 5), sizes(1, 5)]) == [
        float32([1, 1, 5, 5], expected)
      ])
    for (image, block) in [
      (sizes(5, 5), sizes(1, 4)), (sizes(5, 5), sizes(0, 5)), (sizes(5, -5), sizes(1, 5)),
      (sizes(5), sizes(1, 5)), (sizes(5, 6), sizes(1, 5)),
    ] {
      #expect(throws: OperatorError.self) { try checkOperator(node, [columns, image, block]) }
    }
  }

  @Test func bendsWindows() throws {
    var offsets = [Float](repeating: 0, count: 128)
    offsets[0] = 0.5
    offsets[86] = -0.1
    let y = try checkOperator(
      Node(
        "DeformConv", inputs: ["x", "w", "o"], outputs: ["y"],
        attributes: [.ints("pads", [1, 1, 1, 1])]),
      [
        float32([1, 1, 3, 3], ramp(9)), float32([1, 1, 2, 2], [1, 1, 1, 1]),
        float32([1, 8, 4, 4], offsets),
      ])
    let expected: [Float] = [0, 1, 3, 2, 3, 8, 11.9, 7, 9, 20, 24, 13, 6, 13, 15, 8]
    #expect(try #require(y[0]).isNear(to: float32([1, 1, 4, 4], expected)))
  }

  /// A sequence split in two, with the state passed on, gives the same result.
  @Test func causalConvolutionCarriesItsState() throws {
    let w = float32([3, 1, 4], noise(12, seed: 2))
    let b = float32([3], noise(3, seed: 3))
    let x = noise(21)
    func run(_ columns: Range<Int>, _ state: Tensor?) throws -> [Tensor] {
      let part = (0..<3).flatMap { row in columns.map { x[row * 7 + $0] } }
      let node = Node(
        "CausalConvWithState", inputs: ["x", "w", "b", state == nil ? "" : "s"],
        outputs: ["y", "t"], attributes: [.string("activation", "silu")])
      return try checkOperator(
        node, [float32([1, 3, columns.count], part), w, b, state], opset: 27
      ).compactMap { $0 }
    }
    let whole = try run(0..<7, nil)
    let first = try run(0..<2, nil)
    let second = try run(2..<7, first[1])
    #expect(second[1] == whole[1])
    for row in 0..<3 {
      let parts =
        Array(first[0].reals[row * 2..<row * 2 + 2]) + second[0].reals[row * 5..<row * 5 + 5]
      #expect(parts == Array(whole[0].reals[row * 7..<row * 7 + 7]))
    }
  }

  @Test func sumsProducts() throws {
    let a = float32([2, 3], ramp(6, from: 1))
    let b = float32([3, 2], ramp(6, from: 1))
    func einsum(_ equation: String, _ inputs: Tensor...) throws -> Tensor {
      try #require(
        try checkOperator(
          Node(
            "Einsum", inputs: inputs.indices.map { "i\($0)" }, outputs: ["y"],
            attributes: [.string("equation", equation)]), inputs)[0])
    }
    let product = float32([2, 2], [22, 28, 49, 64])
    #expect(try einsum("ij,jk->ik", a, b) == product)
    #expect(try einsum("ij , jk", a, b) == product)
    #expect(try einsum("...ij,...jk->...ik", a, b) == product)
    #expect(try einsum("ij->ji", a) == float32([3, 2], [1, 4, 2, 5, 3, 6]))
    #expect(try einsum("ij->", a) == Tensor(Float(21)))
    #expect(try einsum("ii->i", product) == float32([2], [22, 64]))
    #expect(try einsum("ii", product) == Tensor(Float(86)))
    #expect(
      try einsum("ij,jk,kl->il", a, b, product) == float32([2, 2], [1856, 2408, 4214, 5468]))
    #expect(
      try einsum("i,j->ij", float32([2], [1, 2]), float32([2], [3, 4]))
        == float32([2, 2], [3, 4, 6, 8]))
    for (equation, inputs) in [
      ("ij,jk->ik", [a, a]), ("ij", [a, b]), ("i", [a]), ("ij->ik", [a]), ("ij->ii", [a]),
      ("i?->i", [a]), ("ij-ij", [a]), ("......", [a]), ("ij,", [a]),
    ] {
      #expect(throws: OperatorError.self) {
        try checkOperator(
          Node(
            "Einsum", inputs: inputs.indices.map { "i\($0)" }, outputs: ["y"],
            attributes: [.string("equation", equation)]), inputs)
      }
    }
  }
}
