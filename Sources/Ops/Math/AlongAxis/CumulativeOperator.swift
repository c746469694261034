import ONNXFormat
import ONNXOperators
import RealModule

/// `y[i] = f(x[0], …, x[i])` along the axis given by scalar input 1.
///
/// `exclusive` leaves out `x[i]`, and `reverse` starts from the end.
protocol CumulativeOperator: Operator {
  init(_ options: CumulativeOptions)
  var options: CumulativeOptions { get }
  static var identity: Int { get }
  static func combine<T: ArithmeticElement>(_ a: T, _ b: T) -> T
}

struct CumulativeOptions: Sendable {
  let isExclusive: Bool
  let isReversed: Bool
}

extension CumulativeOperator {
  init(_ node: inout NodeReader) throws(OperatorError) {
    self.init(
      CumulativeOptions(
        isExclusive: try node.flag("exclusive"), isReversed: try node.flag("reverse")))
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let data = try inputs.tensor(0)
    guard let shape = try inputs.tensor(1, [.int32, .int64]).shape else { return [.tensor(data)] }
    guard shape.allSatisfy({ ($0.size ?? 1) == 1 }) else {
      throw .input(1, "expected a scalar, got shape \(shape)")
    }
    return [.tensor(data)]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    switch try call.elementType(0) {
    case .float32: try kernel(call, Float.self)
    case .float64: try kernel(call, Double.self)
    case .float16: try kernel(call, Float16.self)
    case .bfloat16: try kernel(call, BFloat16.self)
    // Wrapping arithmetic gives the same bits for signed and unsigned integers.
    case .int32, .uint32: try kernel(call, Int32.self)
    case .int64, .uint64: try kernel(call, Int64.self)
    default: throw .input(0, "expected numbers, got \(try call.elementType(0))")
    }
  }

  /// The axis is read at run time, since no shape depends on it.
  private func kernel<T: CumulativeElement>(
    _ call: Preparation, _ type: T.Type
  ) throws(OperatorError) -> Kernel {
    let sizes = try call.inputSizes(0)
    let axisType = try call.elementType(1)
    return .compute { buffers throws(OperatorError) in
      let axis =
        axisType == .int32
        ? Int(buffers.input(1, as: Int32.self)[0]) : Int(buffers.input(1, as: Int64.self)[0])
      let split = AxisSplit(sizes, axis: try normalized(axis: axis, rank: sizes.count))
      let kernel = split.laneKernel { (x: UnsafePointer<T>, y: UnsafeMutablePointer<T>) in
        let last = split.size - 1
        var result = T.Accumulator(truncating: Double(Self.identity))
        for i in 0...last {
          let place = (options.isReversed ? last - i : i) * split.inner
          let value = x[place].accumulated
          if options.isExclusive { y[place] = T(accumulator: result) }
          result = Self.combine(result, value)
          if !options.isExclusive { y[place] = T(accumulator: result) }
        }
      }
      if case .compute(_, let body) = kernel { try body(buffers) }
    }
  }
}

/// An element that accumulates in its own type or, for 16-bit types, in `Float`.
protocol CumulativeElement: Element {
  associatedtype Accumulator: ArithmeticElement
  var accumulated: Accumulator { get }
  init(accumulator: Accumulator)
}

extension CumulativeElement where Accumulator == Self {
  var accumulated: Self { self }
  init(accumulator: Self) { self = accumulator }
}

extension Float: CumulativeElement {}
extension Double: CumulativeElement {}
extension Int32: CumulativeElement {}
extension Int64: CumulativeElement {}
extension Float16: CumulativeElement {
  var accumulated: Float { compute }
  init(accumulator: Float) { self.init(compute: accumulator) }
}
extension BFloat16: CumulativeElement {
  var accumulated: Float { compute }
  init(accumulator: Float) { self.init(compute: accumulator) }
}

extension VersionStep {
  /// The operator was introduced in this operator set. Earlier ones use a `Scan` along the axis.
  static func cumulative(_ version: Int, by combine: String, from identity: Int) -> VersionStep {
    .introduced(version) { change throws(OperatorError) in
      guard change.version >= 9 else {
        throw .unsupported(
          "\(change.node.operatorType) needs operator set \(version), or 9 for its expansion")
      }
      let x = try change.input(0)
      let type = try change.elementType(0)
      guard let axis = try change.integers(1).first else { throw .input(1, "is empty") }
      let rank = try change.rank(0)
      let place = try normalized(axis: axis, rank: rank)
      var axes = Array(0..<rank)
      axes.remove(at: place)
      let sizes = change.emit("Gather", [change.emit("Shape", [x]), change.integers(axes, "axes")])
      let number = change.reshape(try change.scalar(Double(identity), type, "first"), [])
      let first = change.emit("Expand", [number, sizes])
      let isExclusive = try change.int("exclusive") == 1
      let body = Graph(
        name: "step",
        nodes: [
          Node(combine, inputs: ["state", "element"], outputs: ["next"]),
          Node("Identity", inputs: [isExclusive ? "state" : "next"], outputs: ["shown"]),
        ],
        inputs: ["state", "element"].map { ValueInfo($0, .tensor(type, nil)) },
        outputs: ["next", "shown"].map { ValueInfo($0, .tensor(type, nil)) })
      let directions = [try change.int("reverse") == 1 ? 1 : 0]
      change.node.operatorType = "Scan"
      change.node.attributes = [
        Attribute("body", .graph(body)), .int("num_scan_inputs", 1),
        .ints("scan_input_axes", [place]), .ints("scan_output_axes", [place]),
        .ints("scan_input_directions", directions), .ints("scan_output_directions", directions),
      ]
      let output = change.node.outputs
      change.node.inputs = [first, x]
      change.node.outputs = [change.fresh("last")] + output
    }
  }
}
