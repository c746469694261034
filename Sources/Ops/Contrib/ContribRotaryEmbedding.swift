import ONNXFormat
import ONNXOperators

/// `RotaryEmbedding` of `com.microsoft`: rotates pairs of elements of each head by the angle of their
/// position.
///
/// Positions are `[batch, length]`, or one number, the position of the first token. The input is
/// `[batch, heads, length, size]` or `[batch, length, heads · size]`; tables of cosines and sines are
/// `[positions, pairs]`.
struct ContribRotaryEmbedding: FunctionOperator {
  static let schema = Schema(
    "RotaryEmbedding", domain: ContribOperators.domain, [1: [.float32, .float16, .bfloat16]],
    inputs: 4...4)
  static let needsTypes = true
  let heads: Int
  let width: Int
  let isInterleaved: Bool

  init(_ node: inout NodeReader) throws(OperatorError) {
    heads = try node.int("num_heads", default: 0)
    width = try node.int("rotary_embedding_dim", default: 0)
    isInterleaved = try node.flag("interleaved")
    _ = try node.float("scale", default: 1)
    _ = try node.flag("is_packed_batching")
    guard heads >= 0 else {
      throw .attribute("num_heads", "expected a positive number, got \(heads)")
    }
    guard width >= 0, width % 2 == 0 else {
      throw .attribute("rotary_embedding_dim", "expected an even size, got \(width)")
    }
    guard width == 0 || heads > 0 else {
      throw .attribute("num_heads", "is missing: rotary_embedding_dim needs it")
    }
  }

  func body(_ function: inout FunctionBuilder) throws(OperatorError) {
    guard let shape = function.shape(0), shape.rank == 3 || shape.rank == 4 else {
      throw .input(0, "expected rank 3 or 4")
    }
    guard let table = function.shape(2), table.rank == 2 else {
      throw .input(2, "expected rank 2")
    }
    var x = function.input(0)
    let isPacked = shape.rank == 3
    let length = function.size(of: x, axis: isPacked ? 1 : 2)
    let batch = function.size(of: x, axis: 0)
    guard let positions = function.shape(1), positions.rank == 1 || positions.rank == 2 else {
      throw .input(1, "expected rank 1 or 2")
    }
    var places = function.input(1)
    if positions.rank == 1 {
      guard positions[0].size ?? 1 == 1 else {
        throw .input(1, "expected one number or shape [batch, length], got \(positions)")
      }
      places = function.node("Add", [function.places(length), places])
      let target = function.node("Concat", [batch, length], [.int("axis", 0)])
      places = function.node("Expand", [places, target])
    }
    var attributes: [Attribute] = []
    if isInterleaved { attributes.append(.int("interleaved", 1)) }
    if width > 0 { attributes.append(.int("rotary_embedding_dim", width)) }
    // Without a number of heads, the table tells their size.
    let isSplit = isPacked && heads == 0
    if isSplit {
      let pairs =
        table[1].size.map { function.builder.integers([$0]) }
        ?? function.size(of: function.input(2), axis: 1)
      let target = function.node(
        "Concat", [function.builder.integers([0, 0, -1]), function.node("Add", [pairs, pairs])],
        [.int("axis", 0)])
      x = function.builder.transpose(function.node("Reshape", [x, target]), [0, 2, 1, 3])
    } else if isPacked {
      attributes.append(.int("num_heads", heads))
    }
    let turned = function.node(
      "RotaryEmbedding", [x, function.input(2), function.input(3), places], attributes,
      version: 23)
    function.set(0, isSplit ? function.packed(turned) : turned)
  }
}
