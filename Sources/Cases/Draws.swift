import Glibc
import ONNXSupport

/// Compares random numbers with their distribution by the Kolmogorov–Smirnov test.
///
/// Each element of a result is tested, and all of them together. Fair draws fail less often than a
/// normal variable exceeds its mean by five standard deviations. A distribution of at most 16
/// different outcomes allows no other number.
///
/// - Parameters:
///   - drawn: for each element of a result, its values over several runs
///   - outcomes: for each element, its values for evenly spaced quantiles of the distribution
/// - Returns: a description of the first difference; `nil` where there is none
package func difference(drawn: [[Double]], from outcomes: [[Double]]) -> String? {
  guard drawn.count == outcomes.count else {
    return "expected \(outcomes.count) numbers, got \(drawn.count)"
  }
  let possible = Set(outcomes.joined())
  if possible.count <= 16, let foreign = drawn.joined().first(where: { !possible.contains($0) }) {
    return
      "\(formatted(foreign)) was drawn, expected one of \(possible.sorted().map { formatted($0) })"
  }
  for (index, (numbers, outcomes)) in zip(drawn, outcomes).enumerated() {
    if let found = difference(drawn: numbers, from: outcomes) { return "number \(index): \(found)" }
  }
  return difference(drawn: Array(drawn.joined()), from: Array(outcomes.joined()))
}

private func difference(drawn: [Double], from outcomes: [Double]) -> String? {
  guard !drawn.isEmpty, !outcomes.isEmpty else { return nil }
  guard !drawn.contains(where: \.isNaN), !outcomes.contains(where: \.isNaN) else {
    return "a NaN was drawn"
  }
  let distance = distance(drawn.sorted(), outcomes.sorted())
  // λ = 2.745 solves 2 exp(−2 λ²) = the probability of five standard deviations.
  let bound = 2.745 / Double(drawn.count).squareRoot() + 1 / Double(outcomes.count)
  guard distance > bound else { return nil }
  return "the cumulative distribution is off by \(formatted(distance)), more than the "
    + "\(formatted(bound)) allowed for \(drawn.count) draws"
}

/// The largest distance between the cumulative distributions of two sorted lists.
private func distance(_ a: [Double], _ b: [Double]) -> Double {
  var (i, j) = (0, 0)
  var largest = 0.0
  while i < a.count, j < b.count {
    let value = min(a[i], b[j])
    while i < a.count, a[i] == value { i += 1 }
    while j < b.count, b[j] == value { j += 1 }
    largest = max(largest, abs(Double(i) / Double(a.count) - Double(j) / Double(b.count)))
  }
  return largest
}

/// The quantile function of the standard normal distribution.
/// - Parameter probability: between 0 and 1
package func normalQuantile(_ probability: Double) -> Double {
  var (low, high) = (-40.0, 40.0)
  for _ in 0..<80 {
    let middle = (low + high) / 2
    if erfc(-middle / 2.0.squareRoot()) / 2 < probability { low = middle } else { high = middle }
  }
  return (low + high) / 2
}
