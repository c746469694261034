import ONNXFormat
import ONNXOperators
import RealModule

/// A periodic or symmetric window function. Scalar input 0 is the number of points.
protocol WindowOperator: Operator {
  init(_ options: WindowOptions)
  var options: WindowOptions { get }
  /// The window's value at `phase`, from 0 to 2π.
  func value(at phase: Double) -> Double
}

struct WindowOptions: Sendable {
  let isPeriodic: Bool
  let type: ElementType
}

extension WindowOperator {
  init(_ node: inout NodeReader) throws(OperatorError) {
    let type = try node.optionalElementType("output_datatype") ?? .float32
    let types: TypeSet = [.floats, .bfloat16, .integers]
    guard types.contains(type) else {
      throw .attribute("output_datatype", "expected one of \(types), got \(type)")
    }
    self.init(WindowOptions(isPeriodic: try node.flag("periodic", default: true), type: type))
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    guard let size = try inputs.scalar(0) else { return [.tensor(options.type, [.unknown])] }
    guard size >= 0 else { throw .input(0, "expected at least 0 points, got \(size)") }
    return [.tensor(options.type, [size])]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let count = try call.outputCount(0)
    // A symmetric window includes both end points; a window of one point is the middle.
    let period = Double(options.isPeriodic ? count : count - 1)
    let isInteger = TypeSet.integers.contains(options.type)
    return try fillKernel(options.type, count) { index in
      let number = value(at: period == 0 ? .pi : 2 * .pi * Double(index) / period)
      // Integers are truncated, and the peak of 1 must not be a little less.
      return isInteger ? Double(Float(number)) : number
    }
  }
}

extension Inputs {
  /// The value of an integer scalar (or one-element) input, or `nil` if it is not known before the
  /// run.
  func scalar(_ index: Int) throws(OperatorError) -> Int? {
    guard let values = try integers(index) else { return nil }
    guard values.count == 1 else { throw .input(index, "expected one number, got \(values.count)") }
    return values[0]
  }
}

/// A kernel that fills output 0 with a function of the element's index.
func fillKernel(
  _ type: ElementType, _ count: Int, _ value: @escaping @Sendable (Int) -> Double
) throws(OperatorError) -> Kernel {
  let conversion = ElementConversion(from: .float64, to: type)
  guard conversion != nil || type == .float64 else {
    throw .unsupported("a window of type \(type)")
  }
  let stride = type.stride
  return .compute { buffers in
    let y = buffers.output(0, as: UInt8.self)
    for index in 0..<count {
      if index & 0xFFFF == 0, Deadline.isPassed { return }
      var number = value(index)
      let target = UnsafeMutableRawPointer(y + index * stride)
      if let conversion {
        conversion(&number, target, 1)
      } else {
        target.storeBytes(of: number, as: Double.self)
      }
    }
  }
}

extension VersionStep {
  /// The window `a − b · cos t + c · cos 2t`, introduced in operator set 17.
  static func window(_ a: Double, _ b: Double, _ c: Double) -> VersionStep {
    .introduced(17) { change throws(OperatorError) in
      let type = ElementType.float32
      let size = change.emit("Cast", [try change.input(0)], [change.castTarget(.int64)])
      let count =
        change.constant(0)?.integers?.first.map { change.integer($0, "size") }
        ?? change.reshape(size, [])
      var period = change.emit("Cast", [count], [change.castTarget(type)])
      if try change.int("periodic") == 0 {
        period = change.emit("Sub", [period, try change.scalar(1, type, "one")])
      }
      let places = change.emit("Cast", [change.places(count)], [change.castTarget(type)])
      let step = change.emit("Div", [try change.scalar(2 * .pi, type, "turn"), period])
      let angle = change.emit("Mul", [places, step])
      let first = change.emit(
        "Mul", [change.emit("Cos", [angle]), try change.scalar(b, type, "factor")])
      var sum = change.emit("Sub", [try change.scalar(a, type, "mean"), first])
      if c != 0 {
        let double = change.emit("Mul", [angle, try change.scalar(2, type, "two")])
        let second = change.emit(
          "Mul", [change.emit("Cos", [double]), try change.scalar(c, type, "factor")])
        sum = change.emit("Add", [sum, second])
      }
      let wanted = try change.int("output_datatype").flatMap {
        ElementType(rawValue: Int32(clamping: $0))
      }
      change.become("Cast", [sum], [change.castTarget(wanted ?? .float32)])
    }
  }
}
