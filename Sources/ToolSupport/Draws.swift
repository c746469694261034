import Glibc

/// What is wrong with numbers drawn at random, if anything, beside what they should be.
///
/// `outcomes` are what evenly spaced quantiles of the distribution lead to, which is as good as the
/// distribution itself; both hold a list for each number of a result. Each list is compared by the
/// largest distance of the cumulative distributions (Kolmogorov and Smirnov), as are all of them
/// together, with a bound that fair draws exceed less often than a normal number its mean by five
/// standard deviations. Where the outcomes are few, no other number may have been drawn.
public func difference(drawn: [[Double]], from outcomes: [[Double]]) -> String? {
  guard drawn.count == outcomes.count else {
    return "\(drawn.count) numbers were drawn, expected \(outcomes.count)"
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
  // 2 exp(−2 λ²) is the chance of λ and of five standard deviations.
  let bound = 2.745 / Double(drawn.count).squareRoot() + 1 / Double(outcomes.count)
  guard distance > bound else { return nil }
  return "the cumulative distribution is off by \(formatted(distance)), allowed are "
    + "\(formatted(bound)) for \(drawn.count) draws"
}

/// The largest difference of the cumulative distributions of two sorted lists.
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

/// The number that a standard normal one is below with this probability, between 0 and 1.
public func normalQuantile(_ probability: Double) -> Double {
  var (low, high) = (-40.0, 40.0)
  for _ in 0..<80 {
    let middle = (low + high) / 2
    if erfc(-middle / 2.0.squareRoot()) / 2 < probability { low = middle } else { high = middle }
  }
  return (low + high) / 2
}
