import ONNXFormat
import ONNXOperators

/// With weights `P`, values `V` and the gradient `dY` of the result:
/// `dV = Pᵀ · dY`, `dS = P ⊙ (dY · Vᵀ − Σ P ⊙ dY · Vᵀ)` for the masked scores, `dQ = scale · dS · K`,
/// `dK = scale · dSᵀ · Q`. The sums of heads that share a key are taken last.
extension Attention: DifferentiableOperator {
  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    guard backward.gradient(3) == nil else { throw .unsupported("a gradient of the scores") }
    let isPacked = try backward.rank(0) == 3
    let type = try backward.elementType(0)
    guard try backward.elementType(2) == type else {
      throw .unsupported("a gradient of values of another type than the queries")
    }
    let query = try heads(&backward, backward.input(0), queryHeads, isPacked)
    // The cache, past and new.
    let hasPast = backward.has(4)
    let key =
      try hasPast ? backward.output(1) : heads(&backward, backward.input(1), heads, isPacked)
    let value =
      try hasPast ? backward.output(2) : heads(&backward, backward.input(2), heads, isPacked)
    let counts = try headCounts(backward)
    var gradients: [String?] = [nil, nil]
    if let given = backward.gradient() {
      let gradient = try heads(&backward, given, queryHeads, isPacked)
      let weights = try weights(&backward)
      let whole = (try shared(&backward, key, counts), try shared(&backward, value, counts))
      let changes = backward.builder.matMul(
        gradient, backward.builder.transpose(whole.1, [0, 1, 3, 2]))
      let product = backward.builder.mul(changes, weights)
      let sum = backward.builder.reduceSum(product, axes: [-1])
      let scores = backward.builder.sub(product, backward.builder.mul(weights, sum))
      if backward.wants(3) {
        // A mask may have fewer columns than there are keys; those beyond are masked.
        let mask = backward.input(3)
        let width = backward.builder.node("Shape", [mask], [.int("start", -1)])
        let inside = backward.builder.node(
          "Slice",
          [scores, backward.builder.integers([0]), width, backward.builder.integers([-1])])
        backward.set(3, backward.builder.privateNode("SumTo", [inside, mask]))
      }
      let products = try scaled(&backward, scores, query, whole.0)
      if backward.wants(0) {
        let result = backward.builder.matMul(products, whole.0)
        backward.set(0, packed(&backward, result, like: backward.input(0), isPacked))
      }
      let turned = [
        backward.builder.matMul(backward.builder.transpose(products, [0, 1, 3, 2]), query),
        backward.builder.matMul(backward.builder.transpose(weights, [0, 1, 3, 2]), gradient),
      ]
      gradients = try [
        summed(&backward, turned[0], counts), summed(&backward, turned[1], counts),
      ]
    }
    for index in 0...1 {
      let present = backward.gradient(index + 1)
      let parts = [gradients[index], present].compactMap { $0 }
      guard !parts.isEmpty else { continue }
      var total = backward.builder.sum(parts)
      if hasPast {
        let length = backward.builder.node(
          "Shape", [backward.input(index + 4)], [.int("start", 2), .int("end", 3)])
        let axis = backward.builder.integers([2])
        let first = backward.builder.integers([0])
        let last = backward.builder.integers([Int(Int32.max)])
        if backward.wants(index + 4) {
          backward.set(
            index + 4, backward.builder.node("Slice", [total, first, length, axis]))
        }
        total = backward.builder.node("Slice", [total, length, last, axis])
      }
      if backward.wants(index + 1) {
        let input = backward.input(index + 1)
        backward.set(index + 1, packed(&backward, total, like: input, isPacked))
      }
    }
  }

  /// `x` in the layout `[batch, heads, length, head size]`.
  private func heads(
    _ backward: inout Backward, _ x: String, _ count: Int?, _ isPacked: Bool
  ) throws(OperatorError) -> String {
    guard isPacked else { return x }
    guard let count else { throw .attribute("q_num_heads", "is missing") }
    let shape = backward.builder.integers([0, 0, count, -1])
    return backward.builder.transpose(
      backward.builder.node("Reshape", [x, shape]), [0, 2, 1, 3])
  }

  private func packed(
    _ backward: inout Backward, _ x: String, like input: String, _ isPacked: Bool
  ) -> String {
    guard isPacked else { return x }
    let turned = backward.builder.transpose(x, [0, 2, 1, 3])
    return backward.builder.reshape(turned, to: backward.builder.shape(of: input))
  }

  /// The numbers of heads of the queries and of the keys.
  private func headCounts(_ backward: Backward) throws(OperatorError) -> (Int, Int) {
    func count(_ input: Int, _ given: Int?) throws(OperatorError) -> Int {
      let shape = try backward.shape(input)
      guard let count = shape.rank == 4 ? shape[1].size : given, count > 0 else {
        throw .input(input, "the gradient needs its number of heads, which is not known")
      }
      return count
    }
    return (try count(0, queryHeads), try count(1, heads))
  }

  /// A key or value for each head of the query.
  private func shared(
    _ backward: inout Backward, _ x: String, _ counts: (Int, Int)
  ) throws(OperatorError) -> String {
    guard counts.0 != counts.1 else { return x }
    guard counts.0 <= 1 << 16 else { throw .unsupported("\(counts.0) heads that share keys") }
    let places = (0..<counts.0).map { $0 / (counts.0 / counts.1) }
    return backward.builder.node(
      "Gather", [x, backward.builder.integers(places)], [.int("axis", 1)])
  }

  /// The sum over the heads of the query that share a key.
  private func summed(
    _ backward: inout Backward, _ x: String, _ counts: (Int, Int)
  ) throws(OperatorError) -> String {
    guard counts.0 != counts.1 else { return x }
    let shape = backward.builder.node("Shape", [x])
    func part(_ start: Int, _ end: Int) -> String {
      backward.builder.node(
        "Slice",
        [shape, backward.builder.integers([start]), backward.builder.integers([end])])
    }
    let groups = backward.builder.integers([counts.1, counts.0 / counts.1])
    let target = backward.builder.node(
      "Concat", [part(0, 1), groups, part(2, 4)], [.int("axis", 0)])
    return backward.builder.reduceSum(
      backward.builder.reshape(x, to: target), axes: [2], keepAxes: false)
  }

  /// The weights, the last output of the forward pass; a second pass where that is something else.
  private func weights(_ backward: inout Backward) throws(OperatorError) -> String {
    if shownStage == 3 { return backward.output(3) }
    var node = backward.forward
    node.attributes.removeAll { $0.name == "qk_matmul_output_mode" }
    node.attributes.append(.int("qk_matmul_output_mode", 3))
    if backward.outputCount == 4 && !node.outputs[3].isEmpty {
      return backward.builder.nodes(
        "Attention", node.inputs, node.attributes, outputs: ["result", "", "", "weights"],
        operatorSet: backward.operatorSet)[3]
    }
    backward.replaceForward(with: node)
    return backward.output(3)
  }

  /// The gradient of `Q · Kᵀ` from that of the masked scores.
  private func scaled(
    _ backward: inout Backward, _ scores: String, _ query: String, _ key: String
  ) throws(OperatorError) -> String {
    let factor: String
    if let scale {
      factor = try backward.scalar(Double(scale))
    } else {
      let size = backward.builder.node("Shape", [query], [.int("start", 3), .int("end", 4)])
      let real = backward.builder.node("CastLike", [size, query])
      factor = backward.builder.node("Reciprocal", [backward.builder.sqrt(real)])
    }
    var result = backward.builder.mul(scores, factor)
    if softcap > 0 {
      let product = backward.builder.matMul(
        query, backward.builder.transpose(key, [0, 1, 3, 2]))
      let cap = try backward.scalar(Double(softcap))
      let capped = backward.builder.node(
        "Tanh", [backward.builder.div(backward.builder.mul(product, factor), cap)])
      let slope = backward.builder.sub(
        try backward.scalar(1), backward.builder.mul(capped, capped))
      result = backward.builder.mul(result, slope)
    }
    return result
  }
}
