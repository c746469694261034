import ONNXFormat
import ONNXOperators

/// Nodes that bodies of attention operators share.
extension FunctionBuilder {
  /// The size of an axis as an int64 tensor of one element.
  mutating func size(of x: String, axis: Int) -> String {
    node("Shape", [x], [.int("start", axis), .int("end", axis + 1)])
  }

  /// `x` in another shape; 0 keeps a size, and −1 is the rest.
  mutating func reshape(_ x: String, _ sizes: [Int]) -> String {
    node("Reshape", [x, builder.integers(sizes)])
  }

  mutating func unsqueeze(_ x: String, _ axes: [Int]) -> String {
    node("Unsqueeze", [x, builder.integers(axes)])
  }

  mutating func squeeze(_ x: String, _ axes: [Int]) -> String {
    node("Squeeze", [x, builder.integers(axes)])
  }

  mutating func slice(_ x: String, axis: Int, from start: String, to end: String) -> String {
    node("Slice", [x, start, end, builder.integers([axis])])
  }

  /// Equal parts of `x` along an axis.
  mutating func split(_ x: String, axis: Int, into count: Int) -> [String] {
    builder.nodes(
      "Split", [x], [.int("axis", axis), .int("num_outputs", count)],
      outputs: Array(repeating: "part", count: count))
  }

  /// The int64 numbers below `end`, a tensor of one element.
  mutating func places(_ end: String) -> String {
    let zero = builder.constant(Tensor(Int64(0)))
    let one = builder.constant(Tensor(Int64(1)))
    return node("Range", [zero, squeeze(end, [0]), one])
  }

  /// `[batch, length, heads · size]` as `[batch, heads, length, size]`.
  mutating func heads(_ x: String, _ count: Int) -> String {
    builder.transpose(reshape(x, [0, 0, count, -1]), [0, 2, 1, 3])
  }

  /// `[batch, heads, length, size]` as `[batch, length, heads · size]`.
  mutating func packed(_ x: String) -> String {
    reshape(builder.transpose(x, [0, 2, 1, 3]), [0, 0, -1])
  }

  /// A scalar of a floating-point type, not beyond its largest finite number.
  mutating func finite(_ value: Float, _ type: ElementType) -> String {
    let most: Double =
      switch type {
      case .float16: Double(Float16.greatestFiniteMagnitude)
      case .bfloat16: Double(BFloat16(bits: 0x7F7F).float)
      default: Double(Float.greatestFiniteMagnitude)
      }
    return builder.scalar(min(max(Double(value), -most), most), type)
  }
}

/// The mask of an attention operator of `com.microsoft`: an int32 input of keys to attend to.
struct KeyMask {
  /// The input that holds the mask.
  let input: Int
  /// The element type of the scores.
  let type: ElementType
  /// The number added to the score of a hidden key.
  let filter: Float
  /// Whether a query attends only to keys at its own position and before.
  let isCausal: Bool
  /// The sizes of batch, queries, and past and new keys, each a tensor of one element.
  let batch: String
  let queries: String
  let keys: String
  /// The number of past keys; `nil` for none.
  let past: String?

  /// The numbers to add to the scores, which broadcast to `[batch, heads, queries, keys]`; `nil` if all
  /// keys are attended to.
  ///
  /// The mask is `[batch, keys]`, `[batch, queries, keys]` or `[batch, 1, most, most]` with 0 for a
  /// hidden key, or holds the number of keys of each sequence, perhaps followed by the number of hidden
  /// ones at its start.
  func build(_ function: inout FunctionBuilder) throws(OperatorError) -> String? {
    var mask = try padding(&function)
    guard isCausal else { return mask }
    // The last query attends to all keys, even if there are more keys than queries.
    let one = function.builder.integers([1])
    let rows = function.node("Sub", [queries, one])
    var limits = function.places(rows)
    if let past { limits = function.node("Add", [limits, past]) }
    limits = function.node("Concat", [limits, keys], [.int("axis", 0)])
    let hidden = function.node(
      "Greater", [function.places(keys), function.unsqueeze(limits, [1])])
    let least = function.finite(-.greatestFiniteMagnitude, type)
    mask = function.node("Where", [hidden, least, mask ?? function.finite(0, type)])
    return mask
  }

  private func padding(_ function: inout FunctionBuilder) throws(OperatorError) -> String? {
    guard function.has(input), let shape = function.shape(input) else { return nil }
    let given = function.input(input)
    let zero = function.builder.constant(Tensor(Int32(0)))
    let nothing = function.finite(0, type)
    let filter = function.finite(self.filter, type)
    func shown(_ mask: String, _ axes: [Int]) -> String {
      let isShown = function.node("Greater", [mask, zero])
      let numbers = function.node("Where", [isShown, nothing, filter])
      return axes.isEmpty ? numbers : function.unsqueeze(numbers, axes)
    }
    switch shape.rank {
    case 1: return function.unsqueeze(try range(given, shape, &function), [1, 2])
    // A mask for all keys alike does not change the weights.
    case 2 where shape[1].size == 1: return nil
    case 2: return shown(given, [1, 2])
    case 3: return shown(given, [1])
    case 4:
      let start = past ?? function.builder.integers([0])
      let rows = function.slice(
        given, axis: 2, from: start, to: function.node("Add", [start, queries]))
      let cut = function.slice(
        rows, axis: 3, from: function.builder.integers([0]), to: keys)
      return shown(cut, [])
    default: throw .input(input, "expected rank 1 to 4, got shape \(shape)")
    }
  }

  /// The numbers `[batch, keys]` for a mask of lengths.
  private func range(
    _ given: String, _ shape: Shape, _ function: inout FunctionBuilder
  ) throws(OperatorError) -> String {
    let lengths = function.node("Cast", [given], [.int("to", Int(ElementType.int64.rawValue))])
    let first = function.builder.integers([0])
    let ends = function.slice(lengths, axis: 0, from: first, to: batch)
    let places = function.places(keys)
    let after = function.node("GreaterOrEqual", [places, function.unsqueeze(ends, [1])])
    // Starts are given by masks of two numbers for each sequence; others have none.
    let twice = function.node("Add", [batch, batch])
    let hasStarts = function.node("Equal", [function.size(of: given, axis: 0), twice])
    let none = function.node("Sub", [ends, ends])
    let rest = function.slice(
      function.node("Concat", [lengths, none], [.int("axis", 0)]), axis: 0, from: batch, to: twice)
    let starts = function.node("Where", [hasStarts, rest, none])
    let before = function.node("Less", [places, function.unsqueeze(starts, [1])])
    let hidden = function.node("Or", [after, before])
    return function.node(
      "Where", [hidden, function.finite(filter, type), function.finite(0, type)])
  }
}
