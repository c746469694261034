import ONNXFormat
import ONNXOperators
import ONNXShape
import RealModule

/// The class of each row, and the scores of all classes: `[N, F]` → `[N]` and `[N, scores]`.
///
/// With support vectors, each pair of classes has a decision `s`, and the result is the class that wins
/// most of them. The scores are the decisions (`[−s, s]` for two classes), or with `prob_a` and `prob_b`
/// the probabilities of the classes. Without support vectors, each class has a linear score.
///
/// Where onnxruntime and the reference evaluator of the standard differ, this follows the one that agrees
/// with the text of the standard. If all coefficients are positive, the reference returns the second of
/// two classes for any votes; for three linear classes, it returns the numbers 0 and 1; and it couples
/// the probabilities of more than two classes by a scalar instead of a product for each. onnxruntime
/// returns the second of two linear classes if any score is positive, and does not transform the decision
/// of two classes.
struct SVMClassifier: Operator {
  static let schema = Schema(
    "SVMClassifier", domain: "ai.onnx.ml", [1: .features], inputs: 1...1, outputs: 1...2)
  let vectors: SupportVectors
  let machine: Machine
  let integers: [Int]
  let strings: [String]
  let transform: TreeTransform
  let features: Int
  /// The number of scores of a row.
  let columns: Int

  /// The parameters of the decisions.
  struct Machine: Sendable {
    let classes: Int
    /// The range of the support vectors of each class; empty for a linear model.
    let ranges: [Range<Int>]
    /// `[classes − 1, vectors]`, or `[classes, F]` for a linear model.
    let coefficients: [Double]
    /// One for each pair of classes. A linear model uses the first.
    let rho: [Double]
    let a: [Double]
    let b: [Double]

    var vectorCount: Int { ranges.last?.upperBound ?? 0 }
    var pairs: Int { classes * (classes - 1) / 2 }
    var isLinear: Bool { vectorCount == 0 }
  }

  init(_ node: inout NodeReader) throws(OperatorError) {
    vectors = try SupportVectors(&node)
    integers = try node.optionalInts("classlabels_ints") ?? []
    strings = try node.optionalStrings("classlabels_strings") ?? []
    guard integers.isEmpty != strings.isEmpty else {
      throw .invalid("expected one of classlabels_ints and classlabels_strings")
    }
    machine = try Machine(&node, classes: max(integers.count, strings.count))
    transform = try TreeTransform(&node)
    features =
      machine.isLinear
      ? machine.coefficients.count / machine.classes
      : try vectors.featureCount(machine.vectorCount)
    columns =
      machine.isLinear || !machine.a.isEmpty
      ? machine.classes : machine.classes == 2 ? 2 : machine.pairs
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let rows = try inputs.supportRows(features: features)
    return [
      .tensor(strings.isEmpty ? .int64 : .string, [rows]),
      .tensor(.float32, [rows, .size(columns)]),
    ]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let (hasLabels, hasScores) = (call.wants(0), call.wants(1))
    let (classes, count) = (machine.classes, machine.vectorCount)
    let room = machine.a.isEmpty ? 0 : 2 * classes * (classes + 1)
    let work = max(machine.pairs, columns) + room
    return try call.rowKernel(
      cost: 2 * max(count, classes), scratch: count + classes + work
    ) { buffers, row, x, scratch in
      let votes = scratch + count
      let scores = votes + classes
      let best: Int
      if machine.isLinear {
        best = machine.scoreLinearly(x, features, into: scores)
      } else {
        vectors.measure(x, features, count, into: scratch)
        best = machine.vote(scratch, votes, decisions: scores)
        if !machine.a.isEmpty {
          machine.findProbabilities(scores)
        } else if classes == 2 {
          (scores[0], scores[1]) = (-scores[0], scores[0])
        }
      }
      if hasLabels {
        if strings.isEmpty {
          buffers.output(0, as: Int64.self)[row] = Int64(integers[best])
        } else {
          buffers.output(0, as: String.self)[row] = strings[best]
        }
      }
      guard hasScores else { return }
      transform.apply(UnsafeMutableBufferPointer(start: scores, count: columns))
      let z = buffers.output(1, as: Float.self) + row * columns
      for i in 0..<columns { z[i] = Float(scores[i]) }
    }
  }
}

extension SVMClassifier.Machine {
  /// The largest number of classes, which limits the number of pairs.
  private static let classLimit = 65535

  init(_ node: inout NodeReader, classes: Int) throws(OperatorError) {
    guard classes <= Self.classLimit else {
      throw .invalid("expected at most \(Self.classLimit) classes, got \(classes)")
    }
    self.classes = classes
    func numbers(_ name: String) throws(OperatorError) -> [Double] {
      (try node.optionalFloats(name) ?? []).map { Double($0) }
    }
    coefficients = try numbers("coefficients")
    rho = try numbers("rho")
    a = try numbers("prob_a")
    b = try numbers("prob_b")
    let counts = try node.optionalInts("vectors_per_class") ?? []
    var ranges: [Range<Int>] = []
    for count in counts {
      let start = ranges.last?.upperBound ?? 0
      guard count >= 0, count <= Int(Int32.max) else {
        throw .attribute("vectors_per_class", "\(count) is out of range")
      }
      ranges.append(start..<start + count)
    }
    let total = ranges.last?.upperBound ?? 0
    self.ranges = total == 0 ? [] : ranges
    let pairs = classes * (classes - 1) / 2
    if total > 0 {
      guard classes > 1, counts.count == classes else {
        throw .attribute(
          "vectors_per_class", "\(counts.count) numbers are given for \(classes) classes")
      }
      guard coefficients.count == (classes - 1) * total else {
        throw .attribute(
          "coefficients", "expected \((classes - 1) * total), got \(coefficients.count)")
      }
    } else {
      guard !coefficients.isEmpty, coefficients.count % classes == 0 else {
        throw .attribute(
          "coefficients", "\(coefficients.count) numbers are not divisible by \(classes) classes")
      }
    }
    guard rho.count >= (total > 0 ? pairs : 1) else {
      throw .attribute("rho", "expected \(total > 0 ? pairs : 1), got \(rho.count)")
    }
    guard a.count == b.count, a.isEmpty || total == 0 || a.count >= pairs else {
      throw .attribute("prob_a", "expected as many as prob_b and \(pairs), got \(a.count)")
    }
  }

  /// Writes the score of each class, and returns the class of the row.
  func scoreLinearly(
    _ x: UnsafePointer<Double>, _ features: Int, into scores: UnsafeMutablePointer<Double>
  ) -> Int {
    var best = 0
    coefficients.withUnsafeBufferPointer { coefficients in
      for index in 0..<classes {
        var sum = rho[0]
        for i in 0..<features { sum += x[i] * coefficients[index * features + i] }
        scores[index] = sum
        if sum > scores[best] { best = index }
      }
    }
    let isSecond = classes == 2 && scores[best] >= 0.5 && coefficients.allSatisfy { $0 >= 0 }
    return isSecond ? 1 : best
  }

  /// Writes the decision of each pair, and returns the class that wins most of them.
  func vote(
    _ nearness: UnsafePointer<Double>, _ votes: UnsafeMutablePointer<Double>,
    decisions: UnsafeMutablePointer<Double>
  ) -> Int {
    for index in 0..<classes { votes[index] = 0 }
    var pair = 0
    coefficients.withUnsafeBufferPointer { coefficients in
      for i in 0..<classes {
        for j in i + 1..<max(classes, i + 1) {
          var sum = 0.0
          for place in ranges[i] {
            sum += coefficients[(j - 1) * vectorCount + place] * nearness[place]
          }
          for place in ranges[j] {
            sum += coefficients[i * vectorCount + place] * nearness[place]
          }
          sum += rho[pair]
          decisions[pair] = sum
          votes[sum > 0 ? i : j] += 1
          pair += 1
        }
      }
    }
    var best = 0
    for index in 1..<classes where votes[index] > votes[best] { best = index }
    return best
  }

  /// Replaces the decisions of all pairs by the probabilities of the classes. The memory after them is
  /// scratch memory.
  ///
  /// Wu, Lin and Weng, "Probability Estimates for Multi-class Classification by Pairwise Coupling",
  /// JMLR 5 (2004), algorithm 2.
  func findProbabilities(_ decisions: UnsafeMutablePointer<Double>) {
    let count = classes
    // The probability r of the first class of each pair, then Q of equation (21), p and Qp.
    let r = decisions + max(pairs, count)
    let q = r + count * count
    let p = q + count * count
    let product = p + count
    var pair = 0
    for i in 0..<count {
      for j in i + 1..<max(count, i + 1) {
        let share = 1 / (1 + .exp(decisions[pair] * a[pair] + b[pair]))
        r[i * count + j] = min(max(share, 1e-7), 1 - 1e-7)
        r[j * count + i] = 1 - r[i * count + j]
        pair += 1
      }
    }
    for i in 0..<count {
      p[i] = 1 / Double(count)
      q[i * count + i] = 0
      for j in 0..<count where j != i {
        q[i * count + i] += r[j * count + i] * r[j * count + i]
        q[i * count + j] = -r[j * count + i] * r[i * count + j]
      }
    }
    for _ in 0..<max(100, count) {
      var sum = 0.0
      for i in 0..<count {
        product[i] = 0
        for j in 0..<count { product[i] += q[i * count + j] * p[j] }
        sum += p[i] * product[i]
      }
      var error = 0.0
      for i in 0..<count { error = max(error, abs(product[i] - sum)) }
      if error < 0.005 / Double(count) { break }
      for i in 0..<count {
        let step = (sum - product[i]) / q[i * count + i]
        p[i] += step
        sum =
          (sum + step * (step * q[i * count + i] + 2 * product[i])) / ((1 + step) * (1 + step))
        for j in 0..<count {
          product[j] = (product[j] + step * q[i * count + j]) / (1 + step)
          p[j] /= 1 + step
        }
      }
    }
    for i in 0..<count { decisions[i] = p[i] }
  }
}
