import ONNXFormat
import ONNXOperators
import RealModule

/// Samples of classes, `[batch, sample_size]`, from unnormalised log-probabilities
/// `[batch, classes]`.
struct Multinomial: Operator {
  static let schema = Schema("Multinomial", [7: .floats, 22: [.floats, .bfloat16]], inputs: 1...1)
  private let type: ElementType
  private let samples: Int
  private let seed: RandomSeed

  init(_ node: inout NodeReader) throws(OperatorError) {
    type = try node.optionalElementType("dtype") ?? .int32
    samples = try node.int("sample_size", default: 1)
    seed = try RandomSeed(&node)
    guard type == .int32 || type == .int64 else {
      throw .attribute("dtype", "expected int32 or int64, got \(type)")
    }
    guard samples >= 0 else {
      throw .attribute("sample_size", "expected at least 0 samples, got \(samples)")
    }
  }

  var isPure: Bool { seed.isFixed }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    _ = try inputs.tensor(0, [.floats, .bfloat16])
    let batch = try inputs.shape(0, rank: 2)?[0] ?? .unknown
    return [.tensor(type, [batch, .size(samples)])]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    .produce { call throws(OperatorError) in
      let input = try call.tensor(0)
      let (batch, classes) = (input.shape[0], input.shape[1])
      guard classes > 0 || batch == 0 else { throw .input(0, "expected at least one class, got 0") }
      var generator = seed.generator(call)
      let logits = try input.doubles(call)
      var sums = [Double](repeating: 0, count: classes)
      let output = try numberTensor(call, type, [batch, samples]) { index -> Double in
        if index % samples == 0 {
          accumulate(logits, row: index / samples, into: &sums)
        }
        return Double(place(of: generator.uniform() * (sums.last ?? 0), in: sums))
      }
      return [.tensor(output)]
    }
  }

  /// The cumulative probabilities, not normalised.
  private func accumulate(
    _ logits: [Double], row: Int, into sums: inout [Double]
  ) {
    let logits = logits[row * sums.count..<(row + 1) * sums.count]
    let greatest = logits.max() ?? 0
    var sum = 0.0
    for (place, logit) in logits.enumerated() {
      sum += .exp(logit - greatest)
      sums[place] = sum
    }
  }

  /// The first class whose cumulative probability exceeds the number.
  private func place(of number: Double, in sums: [Double]) -> Int {
    var range = 0..<sums.count - 1
    while !range.isEmpty {
      let middle = (range.lowerBound + range.upperBound) / 2
      range =
        sums[middle] > number ? range.lowerBound..<middle : middle + 1..<range.upperBound
    }
    return range.lowerBound
  }
}
