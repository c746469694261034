import ONNXFormat
import ONNXOperators

/// The int64 index of the largest or smallest element along an axis. NaN ranks as both.
protocol ArgExtremeOperator: Operator, WideVisitor
where WideContext == AxisSplit, WideResult == Kernel {
  init(_ options: ArgExtremeOptions)
  var options: ArgExtremeOptions { get }
  static var findsGreatest: Bool { get }
}

struct ArgExtremeOptions: Sendable {
  let axis: Int
  let keepsAxis: Bool
  /// Whether ties go to the last of the equal elements instead of the first.
  let selectsLast: Bool
}

extension ArgExtremeOperator {
  static var versions: KeyValuePairs<Int, TypeSet> {
    [
      1: [.floats, .integers], 11: [.floats, .integers], 12: [.floats, .integers],
      13: [.floats, .bfloat16, .integers],
    ]
  }

  init(_ node: inout NodeReader) throws(OperatorError) {
    self.init(
      ArgExtremeOptions(
        axis: try node.int("axis", default: 0),
        keepsAxis: try node.flag("keepdims", default: true),
        selectsLast: node.version >= 12 ? try node.flag("select_last_index") : false))
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    guard let shape = try inputs.tensor(0).shape else { return [.tensor(.int64, nil)] }
    // A scalar has one element along axis 0, as in the reference evaluator and onnxruntime.
    if shape.rank == 0, [0, -1].contains(options.axis) { return [.tensor(.int64, [])] }
    let axis = try normalized(axis: options.axis, rank: shape.rank)
    var result = shape.dimensions
    if options.keepsAxis { result[axis] = 1 } else { result.remove(at: axis) }
    return [.tensor(.int64, Shape(result))]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    var sizes = try call.inputSizes(0)
    if sizes.isEmpty { sizes = [1] }
    let split = AxisSplit(sizes, axis: try normalized(axis: options.axis, rank: sizes.count))
    guard split.size > 0 || split.lanes == 0 else { throw .input(0, "the axis has no elements") }
    let type = try call.elementType(0)
    guard let kernel = type.dispatchWide(to: self, split) else {
      throw .input(0, "expected numbers, got \(type)")
    }
    return kernel
  }

  func visit<W: ArithmeticElement>(_ elements: WideElements<W>, _ split: AxisSplit) -> Kernel {
    split.inner == 1 ? laneKernel(elements, split) : columnKernel(elements, split)
  }

  private func laneKernel<W: ArithmeticElement>(
    _ elements: WideElements<W>, _ split: AxisSplit
  ) -> Kernel {
    let (size, lanes) = (split.size, split.lanes)
    let last = options.selectsLast
    let lanesPerTask = max(1, 16384 / max(size, 1))
    let tile: Buffers.Tile = { buffers, task, _ in
      let x = UnsafeRawPointer(buffers.input(0, as: UInt8.self))
      let y = buffers.output(0, as: Int64.self)
      let length = WideElements<W>.block
      withUnsafeTemporaryAllocation(of: W.self, capacity: length) { block in
        guard let block = block.baseAddress else { return }
        for lane in task * lanesPerTask..<min(lanes, (task + 1) * lanesPerTask) {
          var (best, value) = (0, W.zero)
          for start in stride(from: 0, to: size, by: length) {
            let count = min(length, size - start)
            let values = elements.read(
              x + (lane * size + start) * elements.stride, count, block)
            if start == 0 { value = values[0] }
            for i in 0..<count where Self.isBetter(values[i], than: value, last) {
              best = start + i
              value = values[i]
            }
          }
          y[lane] = Int64(best)
        }
      }
    }
    let tasks = (lanes + lanesPerTask - 1) / lanesPerTask
    return .compute { buffers in buffers.parallel(tasks, tile) }
  }

  /// A kernel that processes adjacent columns together, so that memory is read sequentially.
  private func columnKernel<W: ArithmeticElement>(
    _ elements: WideElements<W>, _ split: AxisSplit
  ) -> Kernel {
    let (size, inner) = (split.size, split.inner)
    let last = options.selectsLast
    let width = min(inner, 256)
    let blocks = (inner + width - 1) / max(width, 1)
    let tile: Buffers.Tile = { buffers, task, _ in
      let column = task % blocks * width
      let columns = min(width, inner - column)
      let start = task / blocks * size * inner + column
      let x = UnsafeRawPointer(buffers.input(0, as: UInt8.self)) + start * elements.stride
      let y = buffers.output(0, as: Int64.self) + task / blocks * inner + column
      withUnsafeTemporaryAllocation(of: W.self, capacity: 2 * width) { memory in
        guard let best = memory.baseAddress else { return }
        best.update(from: elements.read(x, columns, best + width), count: columns)
        y.update(repeating: 0, count: columns)
        for i in 1..<max(size, 1) {
          let row = elements.read(x + i * inner * elements.stride, columns, best + width)
          for j in 0..<columns where Self.isBetter(row[j], than: best[j], last) {
            best[j] = row[j]
            y[j] = Int64(i)
          }
        }
      }
    }
    let tasks = split.lanes == 0 ? 0 : split.outer * blocks
    return .compute { buffers in buffers.parallel(tasks, tile) }
  }

  @inline(__always)
  private static func isBetter<W: ArithmeticElement>(_ x: W, than y: W, _ orEqual: Bool) -> Bool {
    if x.isNaN || y.isNaN { return x.isNaN && (orEqual || !y.isNaN) }
    if findsGreatest { return x > y || orEqual && x == y }
    return x < y || orEqual && x == y
  }
}

extension ArgExtremeOperator {
  static var versionSteps: [VersionStep] {
    [
      .negativeAxes(11),
      VersionStep(
        12,
        down: { change throws(OperatorError) in
          let selectsLast = try change.int("select_last_index") == 1
          change.drop("select_last_index")
          guard selectsLast else { return }
          let axis = try change.fromFront(try change.int("axis") ?? 0)
          guard let shape = change.tensorType(0)?.shape, axis < shape.rank,
            let size = shape[axis].size, size <= 1 << 20
          else {
            throw .attribute(
              "select_last_index", "the size of the axis must be known before operator set 12")
          }
          // The last of the equal elements is the first in reversed order.
          let order = change.integers((0..<size).reversed(), "order")
          change.precede(0, "Gather", [order], [.int("axis", axis)], type: change.tensorType(0))
          change.follow(0, "Neg")
          change.follow(0, "Sub", [change.integer(size - 1, "last")])
        }),
    ]
  }
}

extension ArgExtremeOperator {
  func steps(_ site: StepSite) throws(OperatorError) -> StepRelation {
    let axis = try normalized(axis: options.axis, rank: site.sizes().count)
    return site.along(axis..<axis + 1)
  }
}
