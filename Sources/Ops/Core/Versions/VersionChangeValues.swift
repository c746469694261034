import ONNXFormat

/// Values computed by operators of older versions. Each function adds nodes and returns the name of the
/// result.
extension VersionChange {
  /// Replaces the node by one that computes its first output.
  package mutating func become(
    _ operatorType: String, _ inputs: [String], _ attributes: [Attribute] = []
  ) {
    if let output = output(0) { emit(operatorType, inputs, attributes, as: output) }
    isReplaced = true
  }

  /// The shape of a value; `nil` if unknown.
  package func shape(of x: String) -> Shape? { context.type(of: x)?.tensorType?.shape }

  /// The number of elements of a constant that is small enough to be stored in the model.
  /// - Throws: `OperatorError.unsupported` above 2²⁰ elements
  package func elementCount(_ sizes: [Int]) throws(OperatorError) -> Int {
    guard let count = sizes.elementCount, count <= 1 << 20 else {
      throw .unsupported("constants of shape \(sizes)")
    }
    return count
  }

  package mutating func integer(_ value: Int, _ hint: String = "number") -> String {
    constant(Tensor(Int64(value)), hint)
  }

  package mutating func reshape(_ x: String, _ sizes: [Int]) -> String {
    if version < 5 { return emit("Reshape", [x], [.ints("shape", sizes)]) }
    let list = integers(sizes, "shape")
    return emit("Reshape", [x, list])
  }

  package mutating func transpose(_ x: String, _ order: [Int]) -> String {
    emit("Transpose", [x], [.ints("perm", order)])
  }

  /// Every `step`th element along an axis, from `start` up to but not including `end`.
  package mutating func slice(
    _ x: String, axis: Int, from start: Int, to end: Int, step: Int = 1
  ) -> String {
    let parts = [(start, "starts"), (end, "ends"), (axis, "axes"), (step, "steps")]
    return emit("Slice", [x] + parts.map { integers([$0.0], $0.1) })
  }

  /// The size of `x` along an axis, an int64 scalar.
  package mutating func size(of x: String, axis: Int) -> String {
    if let shape = shape(of: x) {
      let place = axis < 0 ? axis + shape.rank : axis
      if (0..<shape.rank).contains(place), let size = shape[place].size {
        return integer(size, "size")
      }
    }
    return emit("Gather", [emit("Shape", [x]), integer(axis, "axis")])
  }

  /// The integers from 0 up to but not including `count`, an int64 scalar.
  package mutating func places(_ count: String) -> String {
    if let count = context.constant(count)?.integers?.first, (0...1 << 20).contains(count) {
      return integers(Array(0..<count), "places")
    }
    return emit("Range", [integer(0, "first"), count, integer(1, "step")])
  }

  /// `x` repeated to a shape that it broadcasts to.
  package mutating func broadcast(_ x: String, to sizes: [Int]) throws(OperatorError) -> String {
    guard let own = shape(of: x)?.sizes, own.count <= sizes.count else {
      throw .unsupported("a shape that is not known before the run")
    }
    if own == sizes { return x }
    if version >= 8 { return emit("Expand", [x, integers(sizes, "shape")]) }
    let padded = Array(repeating: 1, count: sizes.count - own.count) + own
    let column = padded == own ? x : reshape(x, padded)
    let repeats = zip(sizes, padded).map { $1 == 1 ? $0 : 1 }
    if repeats.allSatisfy({ $0 == 1 }) { return column }
    guard version >= 6 else {
      throw .unsupported("repeating a value along several axes, which needs operator set 6")
    }
    return emit("Tile", [column, integers(repeats, "repeats")])
  }

  /// A reduction over these axes, or over all axes if there are none.
  package mutating func reduce(
    _ operatorType: String, _ x: String, _ axes: [Int], keepsAxes: Bool = true
  ) -> String {
    let keeps = Attribute.int("keepdims", keepsAxes ? 1 : 0)
    if version < (operatorType == "ReduceSum" ? 13 : 18) {
      return emit(operatorType, [x], axes.isEmpty ? [keeps] : [.ints("axes", axes), keeps])
    }
    return emit(operatorType, axes.isEmpty ? [x] : [x, integers(axes, "axes")], [keeps])
  }

  /// Whether numbers are less than 0, compared as float64, which every version of `Less` supports.
  package mutating func isNegative(_ x: String) throws(OperatorError) -> String {
    let wide = emit("Cast", [x], [castTarget(.float64)])
    return emit("Less", [wide, try scalar(0, .float64, "zero")])
  }

  /// Whether floating-point elements are not NaN.
  package mutating func isNumber(_ x: String, _ type: ElementType) throws(OperatorError) -> String {
    let isLess = emit("Less", [x, try scalar(1, type, "one")])
    let isMore = emit("Greater", [x, try scalar(0, type, "zero")])
    return emit("Or", [isLess, isMore])
  }

  /// The nearest integers, ties to even.
  package mutating func roundToEven(_ x: String, _ type: ElementType) throws(OperatorError)
    -> String
  {
    let half = try scalar(0.5, type, "half")
    let two = try scalar(2, type, "two")
    let low = emit("Floor", [x])
    let rest = emit("Sub", [x, low])
    let halves = emit("Floor", [emit("Mul", [low, half])])
    // 1 if the lower integer is odd.
    let odd = emit("Sub", [low, emit("Mul", [halves, two])])
    let isTie = emit("Not", [emit("Less", [rest, half])])
    let isOdd = emit("Greater", [odd, half])
    let isUp = emit("Or", [emit("Greater", [rest, half]), emit("And", [isTie, isOdd])])
    return emit("Add", [low, emit("Cast", [isUp], [castTarget(type)])])
  }
}
