import ONNXFormat
import ONNXOperators
import ONNXShape

/// Applies `body` to the elements at each position of the input sequences, and to the input tensors as a
/// whole. Its outputs are collected in sequences.
struct SequenceMap: Operator {
  static let schema = Schema(
    "SequenceMap", [17: .classic], inputs: .atLeast(1), outputs: .atLeast(1))

  init(_ node: inout NodeReader) throws(OperatorError) { _ = try node.graph("body") }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    var types: [ValueType?] = [try inputs.sequenceElement(0)]
    for index in 1..<max(inputs.count, 1) {
      let type = try inputs.type(index)
      if case .sequence(let element) = type.kind {
        types.append(element)
      } else {
        types.append(type)
      }
    }
    let body = try inputs.subgraph("body")
    guard body.inputCount == inputs.count else {
      throw .subgraph("the body has \(body.inputCount) inputs, the node \(inputs.count)")
    }
    return try body.infer(types).map { .sequence($0.kind == .undefined ? nil : $0) }
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let body = try call.inputs.subgraph("body")
    return .produce { call throws(OperatorError) in
      let length = try call.sequence(0).elements.count
      var inputs: [Value] = []
      for index in call.inputs.indices {
        let value = try call.value(index)
        if case .sequence(let sequence) = value, sequence.elements.count != length {
          throw .input(index, "expected \(length) elements, got \(sequence.elements.count)")
        }
        inputs.append(value)
      }
      var results = Array(repeating: [Value](), count: body.outputCount)
      for position in 0..<length {
        let outputs = try body.run(
          inputs.map { value in
            if case .sequence(let sequence) = value { sequence.elements[position] } else { value }
          }, call)
        for (index, value) in outputs.enumerated() { results[index].append(value) }
      }
      return results.map { elements in
        var type = elements.first?.type
        for element in elements.dropFirst() { type = join(type, element.type) }
        return .sequence(SequenceValue(elements, elementType: type))
      }
    }
  }
}
