import ONNXFormat
import ONNXOperators

/// The scores `[batch, vocabulary]` with −∞ for each token that, after the int64 tokens `[batch, length]`,
/// would repeat a sequence of `ngram_size` tokens.
struct NGramRepeatBlock: Operator {
  static let schema = Schema(
    "NGramRepeatBlock", domain: ContribOperators.domain, [1: .int64], inputs: 2...2)
  let size: Int

  init(_ node: inout NodeReader) throws(OperatorError) {
    size = try node.int("ngram_size")
    guard size > 0 else {
      throw .attribute("ngram_size", "expected a positive number, got \(size)")
    }
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let tokens = try inputs.shape(0, rank: 2)
    _ = try inputs.tensor(1, .float32)
    let scores = try inputs.shape(1, rank: 2)
    if let m = tokens?[0].size, let n = scores?[0].size, m != n {
      throw .input(1, "expected scores of \(m) sequences, got \(n)")
    }
    return [.tensor(.float32, scores)]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let (length, words) = (try call.inputSizes(0)[1], try call.inputSizes(1)[1])
    let batch = try call.inputSizes(0)[0]
    let size = size
    return .compute { buffers throws(OperatorError) in
      for sample in 0..<batch {
        let tokens = buffers.input(0, as: Int64.self) + sample * length
        let y = buffers.output(0, as: Float.self) + sample * words
        y.update(from: buffers.input(1, as: Float.self) + sample * words, count: words)
        guard length >= size else { continue }
        let last = tokens + (length - size + 1)
        for start in 0...length - size
        where (0..<size - 1).allSatisfy({ tokens[start + $0] == last[$0] }) {
          let token = tokens[start + size - 1]
          guard token >= 0, token < words else {
            throw .input(0, "token \(token) is out of range for \(words) scores")
          }
          y[Int(token)] = -.infinity
        }
      }
    }
  }
}
