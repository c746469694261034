import ONNX
import Testing

@Suite struct RecurrentLayerTests {
  /// All results of a layer, with states and lengths as inputs where they are wanted.
  private func model(
    _ layer: any RecurrentLayer, states: Bool = false, lengths: Bool = false
  ) throws -> Model {
    let m = ModelBuilder(seed: 1)
    let x = try m.input("x", layer.options.isTimeFirst ? ["T", "N", 3] : ["N", "T", 3])
    let count = layer.options.layers * (layer.options.isBidirectional ? 2 : 1)
    let shape: Shape = [.size(count), "N", .size(layer.options.hidden)]
    let hasCell = layer is LSTM
    let result = try layer.run(
      x, h: states ? m.input("h", shape) : nil,
      c: states && hasCell ? m.input("c", shape) : nil,
      lengths: lengths ? m.input("lengths", ["N"], .int32) : nil, in: m)
    try m.output("sequence", result.sequence)
    try m.output("last", result.last)
    try m.output("h_out", result.h)
    if let c = result.c { try m.output("c_out", c) }
    return try m.model(name: "recurrent")
  }

  /// A `[N, T, I]` tensor as `[T, N, I]`.
  private func turned(_ x: Tensor) throws -> Tensor {
    let values = try floats(x)
    let (n, t, i) = (x.shape[0], x.shape[1], x.shape[2])
    var result: [Float] = []
    for step in 0..<t {
      for row in 0..<n {
        let first = (row * t + step) * i
        result += values[first..<first + i]
      }
    }
    return Tensor(shape: [t, n, i], result)
  }

  /// Elements of a `[N, T, I]` tensor from one step up to another.
  private func steps(_ x: Tensor, _ range: Range<Int>) throws -> Tensor {
    let values = try floats(x)
    let (n, t, i) = (x.shape[0], x.shape[1], x.shape[2])
    var part: [Float] = []
    for row in 0..<n {
      let first = row * t * i
      part += values[first + range.lowerBound * i..<first + range.upperBound * i]
    }
    return Tensor(shape: [n, range.count, i], part)
  }

  @Test(arguments: RecurrentKind.allCases)
  func statesCarryOver(_ kind: RecurrentKind) throws {
    let session = try Session(model(kind.layer(5, layers: 2, dropout: 0.5), states: true))
    let x = noise([2, 7, 3])
    var inputs = ["x": x, "h": noise([2, 2, 5], seed: 5)]
    if kind.hasCell { inputs["c"] = noise([2, 2, 5], seed: 6) }
    let whole = try session.run(inputs)
    #expect(whole["sequence"]?.shape == [2, 7, 5])
    #expect(whole["h_out"]?.shape == [2, 2, 5])

    inputs["x"] = try steps(x, 0..<4)
    let first = try session.run(inputs)
    var then = ["x": try steps(x, 4..<7)]
    then["h"] = first["h_out"]
    if kind.hasCell { then["c"] = first["c_out"] }
    let second = try session.run(then)
    expectClose(
      try floats(second["sequence"]),
      try floats(steps(#require(whole["sequence"]), 4..<7)))
    expectClose(try floats(second["h_out"]), try floats(whole["h_out"]))
    if kind.hasCell { expectClose(try floats(second["c_out"]), try floats(whole["c_out"])) }
  }

  @Test(arguments: RecurrentKind.allCases, [1, 2])
  func bothDirectionsEndWhereTheyShould(_ kind: RecurrentKind, _ layers: Int) throws {
    let layer = kind.layer(4, layers: layers, isBidirectional: true)
    let result = try Session(model(layer)).run(["x": noise([2, 6, 3])])
    let sequence = try #require(result["sequence"])
    #expect(sequence.shape == [2, 6, 8])
    #expect(result["h_out"]?.shape == [2 * layers, 2, 4])
    let end = try floats(steps(sequence, 5..<6))
    let begin = try floats(steps(sequence, 0..<1))
    let last = try floats(result["last"])
    #expect(result["last"]?.shape == [2, 8])
    for n in 0..<2 {
      let (forward, backward) = (n * 8..<n * 8 + 4, n * 8 + 4..<n * 8 + 8)
      #expect(last[forward] == end[forward])
      #expect(last[backward] == begin[backward])
    }
  }

  @Test(arguments: [false, true])
  func timeMayComeFirst(_ isBidirectional: Bool) throws {
    let x = noise([2, 5, 3])
    let batchFirst = GRU(4, layers: 2, isBidirectional: isBidirectional)
    let timeFirst = GRU(4, layers: 2, isBidirectional: isBidirectional, isTimeFirst: true)
    let a = try Session(model(batchFirst)).run(["x": x])
    let b = try Session(model(timeFirst)).run(["x": turned(x)])
    #expect(a["h_out"] == b["h_out"])
    #expect(try b["sequence"] == turned(#require(a["sequence"])))
  }

  @Test(arguments: RecurrentKind.allCases)
  func stepsBeyondTheLengthDoNotCount(_ kind: RecurrentKind) throws {
    let session = try Session(model(kind.layer(4), lengths: true))
    let x = noise([2, 6, 3])
    let result = try session.run(["x": x, "lengths": Tensor(shape: [2], [6, 4] as [Int32])])
    let short = try session.run([
      "x": try steps(x, 0..<4), "lengths": Tensor(shape: [2], [4, 4] as [Int32]),
    ])
    #expect(try floats(result["last"])[4...] == floats(short["last"])[4...])
    let sequence = try floats(result["sequence"])
    #expect(sequence[(6 + 4) * 4..<12 * 4].allSatisfy { $0 == 0 })
  }

  @Test func plainUnitsMayUseRelu() throws {
    let x = noise([2, 6, 3])
    let y = try floats(output(of: RNN(8, isBidirectional: true, usesRelu: true), x))
    #expect(y.allSatisfy { $0 >= 0 })
    #expect(y.contains { $0 > 0 })
    #expect(try output(of: RNN(8).last, x).shape == [2, 8])
  }

  @Test func theForgetGateMayBeginOpen() throws {
    let model = try LSTM(3, isBidirectional: true, forgetBias: 2).model(["N", "T", 2])
    let bias = try floats(parameter("bias_l0", of: model))
    for direction in 0..<2 {
      let first = direction * 24
      #expect(bias[first + 6..<first + 9].allSatisfy { $0 == 2 })
      #expect(bias[first + 18..<first + 21].allSatisfy { $0 == 0 })
      #expect(bias[first..<first + 6].allSatisfy { abs($0) < 0.6 && $0 != 0 })
    }
  }

  @Test func theAddingProblemBeginsWithOpenForgetGates() throws {
    let bias = try floats(parameter("recurrent.bias_l0", of: Adding().model()))
    #expect(bias[128..<192].allSatisfy { $0 == 1 })
    var plain = Adding()
    plain.kind = .rnn
    #expect(try parameter("recurrent.bias_l0", of: plain.model()).shape == [1, 128])
  }

  @Test func theResetGateComesBeforeOrAfterTheProduct() throws {
    let x = noise([1, 5, 3])
    let after = try output(of: GRU(4), x)
    let before = try output(of: GRU(4, resetsAfter: false), x)
    #expect(try floats(after)[..<4] != floats(before)[..<4])
  }

  /// An LSTM has four times the parameters of plain units of the same size, a GRU three times.
  @Test(arguments: [(RecurrentKind.lstm, 4), (.gru, 3)], [1, 2])
  func gatesMultiplyTheParameters(_ kind: (RecurrentKind, Int), _ layers: Int) throws {
    let plain = parameterCount(try model(RNN(16, layers: layers)))
    let expected: Int = 16 * (3 + 16 + 2) + (layers - 1) * 16 * (16 + 16 + 2)
    #expect(plain == expected)
    #expect(parameterCount(try model(kind.0.layer(16, layers: layers))) == kind.1 * plain)
  }
}
