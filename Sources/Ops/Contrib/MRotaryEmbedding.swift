import ONNXFormat
import ONNXOperators

/// Rotates pairs of elements of each head by the angle of one of three positions of the token: time,
/// height and width, `[3, batch, length]`. Sections of the pairs tell which one.
struct MRotaryEmbedding: FunctionOperator {
  static let schema = Schema(
    "MRotaryEmbedding", domain: ContribOperators.domain, [1: [.float32, .float16, .bfloat16]],
    inputs: 4...4)
  static let needsTypes = true
  let heads: Int
  let width: Int
  let isInterleaved: Bool
  /// The position of each pair: 0, 1 or 2.
  let positions: [Int]

  private static let mostPairs = 1 << 16

  init(_ node: inout NodeReader) throws(OperatorError) {
    heads = try node.int("num_heads", default: 0)
    width = try node.int("rotary_embedding_dim", default: 0)
    isInterleaved = try node.flag("interleaved")
    _ = try node.float("scale", default: 1)
    _ = try node.flag("is_packed_batching")
    guard heads >= 0, width >= 0, width % 2 == 0, width == 0 || heads > 0 else {
      throw .attribute(
        "rotary_embedding_dim",
        "expected an even size and a positive number of heads, got \(width) and \(heads)")
    }
    let sections = try node.ints("mrope_section")
    let total = sections.reduce(0) { Int.total($0, max($1, 0)) }
    guard sections.count == 3, sections.allSatisfy({ $0 >= 0 }), total <= Self.mostPairs,
      width == 0 || total == width / 2
    else {
      throw .attribute(
        "mrope_section", "expected three sizes that sum to the number of pairs, got \(sections)")
    }
    if try node.flag("mrope_layout") {
      positions = (0..<total).map { pair in
        pair % 3 > 0 && pair / 3 < sections[pair % 3] ? pair % 3 : 0
      }
    } else {
      positions = (0..<3).flatMap { Array(repeating: $0, count: sections[$0]) }
    }
  }

  func body(_ function: inout FunctionBuilder) throws(OperatorError) {
    guard let shape = function.shape(0), shape.rank == 3 || shape.rank == 4 else {
      throw .input(0, "expected rank 3 or 4")
    }
    guard let ids = function.shape(1), ids.rank == 3, ids[0].size ?? 3 == 3 else {
      throw .input(1, "expected shape [3, batch, length]")
    }
    for index in 2...3 {
      guard let table = function.shape(index), table.rank == 2,
        table[1].size ?? positions.count == positions.count
      else { throw .input(index, "expected \(positions.count) columns, the sum of mrope_section") }
    }
    let choice = function.builder.constant(
      Tensor(
        shape: [3, 1, 1, positions.count],
        (0..<3).flatMap { stream in positions.map { $0 == stream ? Float(1) : 0 } }))
    let chosen = function.node("CastLike", [choice, function.input(0)])
    func angles(_ input: Int) -> String {
      let rows = function.node(
        "Gather", [function.input(input), function.input(1)], [.int("axis", 0)])
      return function.builder.reduceSum(
        function.node("Mul", [rows, chosen]), axes: [0], keepAxes: false)
    }
    var attributes: [Attribute] = []
    if isInterleaved { attributes.append(.int("interleaved", 1)) }
    if width > 0 { attributes.append(.int("rotary_embedding_dim", width)) }
    var x = function.input(0)
    let isSplit = shape.rank == 3 && heads == 0
    if isSplit {
      let split = function.reshape(x, [0, 0, -1, 2 * positions.count])
      x = function.builder.transpose(split, [0, 2, 1, 3])
    } else if shape.rank == 3 {
      attributes.append(.int("num_heads", heads))
    }
    let turned = function.node(
      "RotaryEmbedding", [x, angles(2), angles(3)], attributes, version: 23)
    function.set(0, isSplit ? function.packed(turned) : turned)
  }
}
