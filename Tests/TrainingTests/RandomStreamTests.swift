import ONNX
import Testing

@Suite struct RandomStreamTests {
  @Test func followsFromSeedAndPath() {
    var a = RandomStream(seed: 1, 2, 3)
    var b = RandomStream(seed: 1, 2, 3)
    var c = RandomStream(seed: 1, 3, 2)
    let first = a.next()
    #expect(first == b.next())
    #expect(first != c.next())
  }

  @Test func normalNumbersHaveMeanZeroAndVarianceOne() {
    var stream = RandomStream(seed: 5)
    let numbers = (0..<20000).map { _ in stream.normal() }
    let mean = numbers.reduce(0, +) / 20000
    let variance = numbers.map { ($0 - mean) * ($0 - mean) }.reduce(0, +) / 20000
    #expect(abs(mean) < 0.03)
    #expect(abs(variance - 1) < 0.04)
  }

  @Test func permutationsHaveEveryNumberOnce() {
    var stream = RandomStream(seed: 7)
    #expect(stream.permutation(100).sorted() == Array(0..<100))
  }
}
