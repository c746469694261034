import ONNXFormat
import ONNXOperators
import ONNXShape

/// `z = x + y`, the concatenation of strings of two tensors whose shapes broadcast.
struct StringConcat: AttributeFreeOperator {
  static let schema = Schema("StringConcat", [20: .string], inputs: 2...2)

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let shapes = [
      try inputs.tensor(0, .string).shape, try inputs.tensor(1, .string).shape,
    ]
    return [.tensor(.string, try Broadcast.shape(shapes))]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let rows = BroadcastRows(
      try call.outputSizes(0), [try call.inputSizes(0), try call.inputSizes(1)])
    let tile: Buffers.Tile = { buffers, task, _ in
      let x = buffers.input(0, as: String.self)
      let y = buffers.input(1, as: String.self)
      let z = buffers.output(0, as: String.self)
      rows.forEach(in: task) { place, operands, count in
        for i in 0..<count {
          z[place + i] = x[operands[0] + i * rows.steps[0]] + y[operands[1] + i * rows.steps[1]]
        }
      }
    }
    return .compute { buffers in buffers.parallel(rows.tasks, tile) }
  }
}
