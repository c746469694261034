import ONNXFormat
import ONNXOperators

/// The element of input 1 where the condition holds, else that of input 2. All inputs broadcast.
struct Where: AttributeFreeOperator, DifferentiableOperator {
  static let schema = Schema("Where", [9: .bool, 16: .bool], inputs: 3...3)

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let condition = try inputs.tensor(0, .bool)
    let x = try inputs.tensor(1)
    let y = try inputs.tensor(2, sameTypeAs: 1)
    return [
      .tensor(x.elementType, try Broadcast.shape([condition.shape, x.shape, y.shape]))
    ]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let rows = BroadcastRows(
      try call.outputSizes(0),
      [try call.inputSizes(0), try call.inputSizes(1), try call.inputSizes(2)])
    let type = try call.elementType(1)
    return switch type.stride {
    case _ where type == .string: kernel(String.self, rows)
    case 1: kernel(UInt8.self, rows)
    case 2: kernel(UInt16.self, rows)
    case 4: kernel(UInt32.self, rows)
    case 8: kernel(UInt64.self, rows)
    default: kernel(SIMD2<UInt64>.self, rows)
    }
  }

  private func kernel<T>(_ type: T.Type, _ rows: BroadcastRows) -> Kernel {
    let tile: Buffers.Tile = { buffers, task, _ in
      let condition = buffers.input(0, as: UInt8.self)
      let x = buffers.input(1, as: T.self)
      let y = buffers.input(2, as: T.self)
      let output = buffers.output(0, as: T.self)
      rows.forEach(in: task) { place, operands, count in
        select(
          condition + operands[0], rows.steps[0], x + operands[1], rows.steps[1], y + operands[2],
          rows.steps[2], output + place, count)
      }
    }
    return .compute { buffers in buffers.parallel(rows.tasks, tile) }
  }

  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    guard let gradient = backward.gradient() else { return }
    let zero = backward.builder.scalar(0, try backward.elementType(1))
    let condition = backward.input(0)
    if backward.wants(1) {
      backward.setSum(1, backward.builder.node("Where", [condition, gradient, zero]))
    }
    if backward.wants(2) {
      backward.setSum(2, backward.builder.node("Where", [condition, zero, gradient]))
    }
  }
}

/// One row of `Where`.
private func select<T>(
  _ condition: UnsafePointer<UInt8>, _ conditionStep: Int, _ x: UnsafePointer<T>, _ xStep: Int,
  _ y: UnsafePointer<T>, _ yStep: Int, _ output: UnsafeMutablePointer<T>, _ count: Int
) {
  if conditionStep == 0 {
    let (source, step) = condition[0] != 0 ? (x, xStep) : (y, yStep)
    if step == 0 {
      output.update(repeating: source[0], count: count)
    } else {
      output.update(from: source, count: count)
    }
    return
  }
  switch (xStep, yStep) {
  case (0, 0):
    let (left, right) = (x[0], y[0])
    for i in 0..<count { output[i] = condition[i] != 0 ? left : right }
  case (0, _):
    let left = x[0]
    for i in 0..<count { output[i] = condition[i] != 0 ? left : y[i] }
  case (_, 0):
    let right = y[0]
    for i in 0..<count { output[i] = condition[i] != 0 ? x[i] : right }
  default:
    for i in 0..<count { output[i] = condition[i] != 0 ? x[i] : y[i] }
  }
}

extension Where {
  static var versionSteps: [VersionStep] {
    [
      .introduced(9) { change throws(OperatorError) in
        guard let sizes = change.outputType(0)?.shape?.sizes else {
          throw .unsupported(
            "Where needs operator set 9, or an output shape that is known before the run")
        }
        let count = try change.elementCount(sizes)
        // Concatenate both inputs and gather from the result.
        var parts: [String] = []
        for index in [2, 1] {
          parts.append(
            change.reshape(try change.broadcast(try change.input(index), to: sizes), [-1]))
        }
        let both = change.emit("Concat", parts, [.int("axis", 0)])
        let condition = change.emit(
          "Cast", [try change.input(0)], [change.castTarget(.int64)])
        let choice = change.reshape(try change.broadcast(condition, to: sizes), [-1])
        let offset = change.emit("Mul", [choice, change.integer(count, "count")])
        let place = change.emit(
          "Add", [offset, change.integers(Array(0..<count), "places")])
        let picked = change.emit("Gather", [both, place], [.int("axis", 0)])
        change.become("Identity", [change.reshape(picked, sizes)])
      },
      VersionStep(
        16,
        down: { change throws(OperatorError) in
          if try change.elementType(1) == .bfloat16 { change.widen(.bfloat16, to: .float32) }
        }),
    ]
  }
}

extension Where {
  func steps(_ site: StepSite) throws(OperatorError) -> StepRelation { site.broadcast }
}
