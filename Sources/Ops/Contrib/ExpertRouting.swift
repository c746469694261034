import ONNXOperators

/// The choice of experts for each token, by the largest of their logits, input 1.
struct ExpertRouting: Sendable {
  let tokens: Int
  let experts: Int
  /// The number of experts of a token.
  let chosen: Int
  let isNormalized: Bool
  let rule: Rule

  /// The weights of the chosen experts.
  enum Rule: Sendable {
    /// Their shares of the softmax of all logits.
    case shares
    /// The softmax of their logits.
    case softmax
    /// The numbers in this input, which has the shape of the logits.
    case given(input: Int)
  }

  /// Writes the experts of a token and their weights. Equal logits choose the later expert.
  func route(
    _ token: Int, _ buffers: Buffers, _ choice: UnsafeMutablePointer<Int32>,
    _ weights: UnsafeMutablePointer<Float>
  ) {
    let logits = buffers.input(1, as: Float.self) + token * experts
    for place in 0..<chosen {
      var best = -1
      for expert in 0..<experts {
        let isTaken = (0..<place).contains { choice[$0] == Int32(truncatingIfNeeded: expert) }
        // NaN comes last.
        if !isTaken, best < 0 || logits[expert] >= logits[best] || logits[best].isNaN {
          best = expert
        }
      }
      choice[place] = Int32(truncatingIfNeeded: best)
    }
    let largest = logits[Int(choice[0])]
    var total: Float = 0
    switch rule {
    case .given(let input):
      let row = buffers.input(input, as: Float.self) + token * experts
      for place in 0..<chosen { weights[place] = row[Int(choice[place])] }
    case .shares, .softmax:
      for place in 0..<chosen { weights[place] = .exp(logits[Int(choice[place])] - largest) }
    }
    if case .shares = rule, !isNormalized {
      for expert in 0..<experts { total += .exp(logits[expert] - largest) }
    } else if case .given = rule, !isNormalized {
      total = 1
    } else {
      for place in 0..<chosen { total += weights[place] }
    }
    for place in 0..<chosen { weights[place] /= total }
  }
}
