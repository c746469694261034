import Glibc
import ONNX
import OperatorLaws
import Testing

/// One step of layers whose R is 0 and whose X is 1, so that W holds the arguments of the gates.
@Suite struct RecurrentCellTests {
  private func step(_ name: String, _ gates: [[Float]]) throws -> [[Float]] {
    let units = gates[0].count
    let outputs = try checkOperator(
      Node(
        name, inputs: ["X", "W", "R"],
        outputs: Array(["Y", "Y_h", "Y_c"].prefix(name == "LSTM" ? 3 : 2)),
        attributes: name == "GRU" ? [.int("linear_before_reset", 1)] : []),
      [
        Tensor(shape: [1, 1, 1], [1 as Float]),
        Tensor(shape: [1, gates.count * units, 1], gates.flatMap { $0 }),
        Tensor(
          shape: [1, gates.count * units, units],
          [Float](repeating: 0, count: gates.count * units * units)),
      ])
    return try outputs.map { try #require($0).array(as: Float.self) }
  }

  private func sigmoid(_ x: Float) -> Double { 1 / (1 + exp(-Double(x))) }

  /// `count` numbers of either sign, from 1e-4 to 20.
  private func arguments(_ count: Int, _ factor: Int) -> [Float] {
    (0..<count).map { index in
      let place = index * factor % 257
      return Float(place % 2 == 0 ? 1 : -1) * exp2(Float(place) / 257 * 17.6 - 13.3)
    }
  }

  /// The error of a value in units of the last place.
  private func error(_ value: Float, _ exact: Double) -> Double {
    abs(Double(value) - exact) / Double(Float(exact).ulp)
  }

  @Test func productsOfGatesAreAccurate() throws {
    let (i, o, f, g) = (
      arguments(250, 3), arguments(250, 5), arguments(250, 7), arguments(250, 11)
    )
    let outputs = try step("LSTM", [i, o, f, g])
    let (h, c) = (outputs[1], outputs[2])
    for unit in 0..<250 {
      #expect(error(c[unit], sigmoid(i[unit]) * tanh(Double(g[unit]))) < 5)
      #expect(error(h[unit], sigmoid(o[unit]) * tanh(Double(c[unit]))) < 5)
    }
  }

  @Test func gatesOpenAndCloseAtInfinity() throws {
    let inf = Float.infinity
    let outputs = try step(
      "LSTM",
      [
        [inf, -inf, inf, inf, 0, -100, .nan], [inf, inf, -inf, inf, inf, inf, inf],
        [0, 0, 0, -inf, 0, 0, 0], [inf, inf, inf, -inf, inf, inf, 0],
      ])
    let (h, c) = (outputs[1], outputs[2])
    #expect(c.prefix(6) == [1, 0, 1, -1, 0.5, 0] && c[6].isNaN)
    #expect(abs(h[0] - tanh(1)) < 2e-7 && h[1] == 0 && h[2] == 0 && h[6].isNaN)
    let y = try step("GRU", [[inf, -inf, 0, -inf], [0, 0, 0, .nan], [1, inf, -inf, 0]])[1]
    #expect(y[0] == 0 && y[1] == 1 && y[2] == -0.5 && y[3].isNaN)
  }

  @Test func aGRUStepIsAccurate() throws {
    let (z, r, g) = (arguments(250, 3), arguments(250, 5), arguments(250, 7))
    let y = try step("GRU", [z, r, g])[1]
    for unit in 0..<250 where z[unit] < 0 {
      #expect(error(y[unit], (1 - sigmoid(z[unit])) * tanh(Double(g[unit]))) < 8)
    }
  }
}
