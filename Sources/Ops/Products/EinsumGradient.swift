import ONNXFormat
import ONNXOperators

extension Einsum: DifferentiableOperator {
  /// The gradient for each term is an `Einsum` of the result's gradient and the other terms.
  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    guard let gradient = backward.gradient() else { return }
    var terms: [[EinsumEquation.Label]] = []
    for input in 0..<backward.inputCount {
      terms.append(try equation.labels(input, rank: try backward.rank(input)))
    }
    let output = equation.outputLabels(terms)
    let letters = try Self.letters(terms)
    func text(_ labels: [EinsumEquation.Label]) -> String {
      String(labels.compactMap { letters[$0] })
    }
    for input in terms.indices where backward.wants(input) {
      let own = terms[input]
      let others = terms.indices.filter { $0 != input }
      guard Set(own).count == own.count else {
        throw .unsupported("the gradient of an Einsum term with a repeated label")
      }
      let known = Set(output + others.flatMap { terms[$0] })
      guard own.allSatisfy(known.contains) else {
        throw .unsupported("the gradient of an Einsum term with a label that occurs nowhere else")
      }
      let equation =
        ([output] + others.map { terms[$0] }).map(text).joined(separator: ",") + "->" + text(own)
      let product = backward.builder.node(
        "Einsum", [gradient] + others.map(backward.input), [.string("equation", equation)])
      // An axis of size 1 was broadcast.
      backward.set(
        input, backward.builder.privateNode("SumTo", [product, backward.input(input)]))
    }
  }

  /// A letter for each label, including the labels of an ellipsis.
  private static func letters(
    _ terms: [[EinsumEquation.Label]]
  ) throws(OperatorError) -> [EinsumEquation.Label: Character] {
    var result: [EinsumEquation.Label: Character] = [:]
    var free = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
    for case .letter(let letter) in terms.joined() {
      result[.letter(letter)] = letter
      free.removeAll { $0 == letter }
    }
    for label in terms.joined() where result[label] == nil {
      guard let letter = free.popLast() else {
        throw .unsupported("the gradient of an Einsum with more than 52 labels")
      }
      result[label] = letter
    }
    return result
  }
}
