import ONNXFormat
import ONNXOperators

/// The int64 index of the largest or smallest element along an axis. NaN ranks as both.
protocol ArgExtremeOperator: Operator {
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
    let axis = try normalized(axis: options.axis, rank: shape.rank)
    var result = shape.dimensions
    if options.keepsAxis { result[axis] = 1 } else { result.remove(at: axis) }
    return [.tensor(.int64, Shape(result))]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let sizes = try call.inputSizes(0)
    let split = AxisSplit(sizes, axis: try normalized(axis: options.axis, rank: sizes.count))
    guard split.size > 0 || split.lanes == 0 else { throw .input(0, "the axis has no elements") }
    switch try call.elementType(0) {
    case .float32: return kernel(split, Float.self)
    case .float64: return kernel(split, Double.self)
    case .float16: return kernel(split, Float16.self)
    case .bfloat16: return kernel(split, BFloat16.self)
    case .int8: return kernel(split, Int8.self)
    case .int16: return kernel(split, Int16.self)
    case .int32: return kernel(split, Int32.self)
    case .int64: return kernel(split, Int64.self)
    case .uint8: return kernel(split, UInt8.self)
    case .uint16: return kernel(split, UInt16.self)
    case .uint32: return kernel(split, UInt32.self)
    case .uint64: return kernel(split, UInt64.self)
    default: throw .input(0, "expected numbers, got \(try call.elementType(0))")
    }
  }

  private func kernel<T: RankedElement>(_ split: AxisSplit, _ type: T.Type) -> Kernel {
    let (size, inner) = (split.size, split.inner)
    let last = options.selectsLast
    if inner == 1 {
      return split.laneKernel(outputsPerLane: 1) {
        (x: UnsafePointer<T>, y: UnsafeMutablePointer<Int64>) in
        var best = 0
        var value = x[0]
        for i in 1..<max(size, 1) where Self.isBetter(x[i], than: value, last) {
          best = i
          value = x[i]
        }
        y[0] = Int64(best)
      }
    }
    // Process adjacent columns together, so that memory is read sequentially.
    let width = min(inner, 256)
    let blocks = (inner + width - 1) / max(width, 1)
    let tile: Buffers.Tile = { buffers, task, _ in
      let column = task % blocks * width
      let columns = min(width, inner - column)
      let x = buffers.input(0, as: T.self) + task / blocks * size * inner + column
      let y = buffers.output(0, as: Int64.self) + task / blocks * inner + column
      withUnsafeTemporaryAllocation(of: T.self, capacity: width) { best in
        for j in 0..<columns {
          best[j] = x[j]
          y[j] = 0
        }
        for i in 1..<max(size, 1) {
          let row = x + i * inner
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
  private static func isBetter<T: RankedElement>(_ a: T, than b: T, _ orEqual: Bool) -> Bool {
    let (x, y) = (a.order, b.order)
    if x.isNaN || y.isNaN { return x.isNaN && (orEqual || !y.isNaN) }
    if findsGreatest { return x > y || orEqual && x == y }
    return x < y || orEqual && x == y
  }
}

/// An element that is compared in its own type or, for 16-bit types, in `Float`.
protocol RankedElement: Element {
  associatedtype Order: ArithmeticElement
  var order: Order { get }
}

extension ArithmeticElement {
  var order: Self { self }
}

extension Float: RankedElement {}
extension Double: RankedElement {}
extension Int8: RankedElement {}
extension Int16: RankedElement {}
extension Int32: RankedElement {}
extension Int64: RankedElement {}
extension UInt8: RankedElement {}
extension UInt16: RankedElement {}
extension UInt32: RankedElement {}
extension UInt64: RankedElement {}
extension Float16: RankedElement { var order: Float { compute } }
extension BFloat16: RankedElement { var order: Float { compute } }

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
