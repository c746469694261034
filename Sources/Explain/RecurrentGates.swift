import Glibc
import ONNXFormat

extension ExplainedModel {
  /// Whether a node is a recurrent layer.
  static func isRecurrent(_ node: Node) -> Bool {
    ["RNN", "GRU", "LSTM"].contains(node.operatorType) && node.inputs.count >= 3
  }

  /// The gates of a recurrent layer for the first sequence of its batch.
  /// - Parameters:
  ///   - name: the name of an `LSTM`, `GRU` or `RNN` node or of its output; `nil` for the first
  ///   - reverse: whether to explain the backward direction of a bidirectional layer
  /// - Throws: `ExplainError` if there is no such node, its gates cannot be computed, or the run
  ///   fails
  public func gates(
    of name: String? = nil, reverse: Bool = false
  ) throws(ExplainError) -> GateTrace {
    let node = try node(name, "recurrent layer", where: Self.isRecurrent)
    // The sequence of hidden states may be an output that the node leaves out.
    let (named, copy) = withOutput(of: node)
    return try named.gates(copy, reverse)
  }

  private func gates(_ node: Node, _ reverse: Bool) throws(ExplainError) -> GateTrace {
    let label = "node '\(node.label)'"
    func name(_ input: Int) -> String { input < node.inputs.count ? node.inputs[input] : "" }
    let found = try tensors(node.inputs + [node.outputs[0]])
    let gateCount = ["LSTM": 4, "GRU": 3][node.operatorType] ?? 1
    guard let x = found[name(0)], let w = found[name(1)], let r = found[name(2)],
      let y = found[node.outputs[0]], x.shape.count == 3, w.shape.count == 3, r.shape.count == 3,
      y.shape.count == 4
    else { throw .unsuitable("\(label) has no sequence, weights or output of the expected rank") }
    let isBatchFirst = node.integer("layout") == 1
    let (batch, allSteps) = isBatchFirst ? (x.shape[0], x.shape[1]) : (x.shape[1], x.shape[0])
    let (inputs, units, directions) = (x.shape[2], r.shape[2], r.shape[0])
    let kind = node.string("direction") ?? "forward"
    let direction: Int
    switch (kind, reverse) {
    case ("bidirectional", _): direction = reverse ? 1 : 0
    case ("reverse", _): direction = 0
    default:
      guard !reverse else { throw .unsuitable("\(label) has no backward direction") }
      direction = 0
    }
    guard batch > 0, allSteps > 0, units > 0, direction < directions else {
      throw .unsuitable("\(label) has no sequence")
    }
    var steps = allSteps
    if let lengths = found[name(4)], lengths.elementType == .int32, lengths.count > 0 {
      steps = min(max(Int(lengths.elements(as: Int32.self)[0]), 0), allSteps)
    }
    guard steps > 0 else { throw .unsuitable("the sequence of \(label) is empty") }

    /// The direction's part of a parameter, or zeros for one that is left out.
    func part(_ input: Int, _ count: Int) throws(ExplainError) -> [Float] {
      guard let tensor = found[name(input)] else { return [Float](repeating: 0, count: count) }
      let values = try tensor.floats(name(input))
      guard values.count == directions * count else {
        throw .unsuitable(
          "\(label): expected '\(name(input))' to have \(directions * count) elements")
      }
      return Array(values[direction * count..<(direction + 1) * count])
    }
    /// The direction's initial state of the first sequence, or zeros.
    func state(_ input: Int) throws(ExplainError) -> [Float] {
      guard let tensor = found[name(input)] else { return [Float](repeating: 0, count: units) }
      let values = try tensor.floats(name(input))
      let start = isBatchFirst ? direction * units : direction * batch * units
      guard values.count == directions * batch * units else {
        throw .unsuitable(
          "\(label): expected '\(name(input))' to have \(directions * batch * units) elements")
      }
      return Array(values[start..<start + units])
    }
    let all = try x.floats(name(0))
    let stride = isBatchFirst ? inputs : batch * inputs
    let sequence = (0..<steps).flatMap { all[$0 * stride..<$0 * stride + inputs] }
    let count = gateCount * units
    let trace = GateTrace(
      node.label,
      .init(
        kind: node.operatorType, steps: steps, units: units, x: sequence,
        w: try part(1, count * inputs), r: try part(2, count * units), b: try part(3, 2 * count),
        p: node.operatorType == "LSTM" ? try part(7, 3 * units) : [],
        initialH: try state(5),
        initialC: node.operatorType == "LSTM" ? try state(6) : [],
        isReverse: kind == "reverse" || direction == 1,
        clip: node.float("clip"), couplesInputAndForget: node.integer("input_forget") == 1,
        isLinearBeforeReset: node.integer("linear_before_reset") == 1,
        activations: try activations(node, direction, directions, label)))
    try check(trace, y, isBatchFirst, direction, label)
    return trace
  }

  /// Checks the computed hidden states against the output of the node.
  private func check(
    _ trace: GateTrace, _ y: Tensor, _ isBatchFirst: Bool, _ direction: Int, _ label: String
  ) throws(ExplainError) {
    let values = try y.floats("Y")
    let (batch, directions) = isBatchFirst ? (y.shape[0], y.shape[2]) : (y.shape[2], y.shape[1])
    let hidden = trace.parts[trace.parts.count - 1].values
    for step in 0..<trace.steps {
      let start =
        (isBatchFirst
          ? step * directions + direction : (step * directions + direction) * batch) * trace.units
      guard start + trace.units <= values.count else {
        throw .unsuitable(
          "\(label): expected an output of \(trace.steps) steps, found \(y.type)")
      }
      for unit in 0..<trace.units {
        let (a, b) = (values[start + unit], hidden[step * trace.units + unit])
        guard abs(a - b) <= 1e-3 * max(1, abs(a)) else {
          throw .unsuitable(
            "\(label): the gates could not be computed: its output at step \(step) is \(a), not \(b)"
          )
        }
      }
    }
  }

  private func activations(
    _ node: Node, _ direction: Int, _ directions: Int, _ label: String
  ) throws(ExplainError) -> [@Sendable (Float) -> Float] {
    let usual =
      ["LSTM": ["Sigmoid", "Tanh", "Tanh"], "GRU": ["Sigmoid", "Tanh"]][
        node.operatorType] ?? ["Tanh"]
    var names = usual
    if case .strings(let given)? = node.attribute("activations")?.value, !given.isEmpty {
      guard given.count == usual.count * directions else {
        throw .unsuitable("\(label): expected \(usual.count * directions) activations")
      }
      names = given[direction * usual.count..<(direction + 1) * usual.count].map(\.string)
    }
    var functions: [@Sendable (Float) -> Float] = []
    for name in names {
      switch name.lowercased() {
      case "sigmoid": functions.append { 1 / (1 + exp(-$0)) }
      case "tanh": functions.append { tanh($0) }
      case "relu": functions.append { max(0, $0) }
      default: throw .unsuitable("\(label): the activation \(name) is not supported here")
      }
    }
    return functions
  }
}

extension Node {
  fileprivate func integer(_ name: String) -> Int? {
    if case .int(let value)? = attribute(name)?.value { Int(value) } else { nil }
  }
  fileprivate func float(_ name: String) -> Float? {
    if case .float(let value)? = attribute(name)?.value { value } else { nil }
  }
  fileprivate func string(_ name: String) -> String? {
    if case .string(let value)? = attribute(name)?.value { value.string } else { nil }
  }
}
