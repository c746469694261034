import ONNXCases
import ONNXSupport
import Testing

@Suite struct DrawsTests {
  private let count = 500
  private func quantiles(_ value: (Double) -> Double) -> [Double] {
    (0..<count).map { value((Double($0) + 0.5) / Double(count)) }
  }
  private func drawn(seed: UInt64, _ value: (Double) -> Double) -> [Double] {
    var noise = RandomStream(seed: seed)
    return (0..<count).map { _ in value(Double.random(in: 0..<1, using: &noise)) }
  }

  @Test(arguments: 1...20) func fairDrawsPass(seed: UInt64) {
    for value in [{ $0 }, { $0 < 0.3 ? 0 : 1 }, normalQuantile] as [(Double) -> Double] {
      let found = difference(
        drawn: [drawn(seed: seed, value), drawn(seed: seed + 100, value)],
        from: [quantiles(value), quantiles(value)])
      #expect(found == nil)
    }
  }

  @Test func otherDistributionsFail() {
    func fails(_ wrong: (Double) -> Double, _ right: (Double) -> Double, _ text: String) {
      let found = difference(drawn: [drawn(seed: 1, wrong)], from: [quantiles(right)])
      #expect(found?.contains(text) == true, "\(found ?? "passed")")
    }
    fails({ $0 < 0.5 ? 0 : 1 }, { $0 < 0.3 ? 0 : 1 }, "is off by")
    fails({ $0 < 0.3 ? 1 : 0 }, { $0 < 0.3 ? 0 : 1 }, "is off by")
    fails({ $0 < 0.001 ? 0.5 : 1 }, { $0 < 0.3 ? 0 : 1 }, "expected one of")
    fails({ $0 + 0.2 }, { $0 }, "is off by")
    fails({ _ in 0.5 }, { $0 }, "is off by")
    fails({ normalQuantile($0) * 3 }, normalQuantile, "is off by")
    fails({ $0 == 0 ? 0 : .nan }, { $0 }, "NaN")
    #expect(difference(drawn: [], from: [quantiles { $0 }]) != nil)
  }

  @Test func aSmallShiftOfManyNumbersFails() {
    let wrong = (1...40).map { drawn(seed: $0) { $0 + 0.05 } }
    let right = (1...40).map { _ in quantiles { $0 } }
    #expect(difference(drawn: [wrong[0]], from: [right[0]]) == nil)
    #expect(difference(drawn: wrong, from: right) != nil)
  }

  @Test func normalQuantilesAreKnownOnes() {
    #expect(abs(normalQuantile(0.5)) < 1e-12)
    #expect(abs(normalQuantile(0.975) - 1.959963984540054) < 1e-10)
    #expect(abs(normalQuantile(1e-9) + 5.997807015007686) < 1e-8)
  }
}
