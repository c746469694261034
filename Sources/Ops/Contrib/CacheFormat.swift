import ONNXFormat
import ONNXOperators

/// The storage of the keys and values of `GroupQueryAttention`: numbers of the type of the query, or
/// integers with scales for the tensor or each channel.
struct CacheFormat: Sendable {
  /// The kinds of scales of keys and values.
  let kinds: [String]
  let bits: Int

  /// A cache of numbers of the type of the query.
  init() {
    kinds = ["NONE", "NONE"]
    bits = 0
  }

  init(_ node: inout NodeReader) throws(OperatorError) {
    let choices = ["NONE", "PER_TENSOR", "PER_CHANNEL"]
    kinds = [
      try node.choice("k_quant_type", default: "NONE", among: choices),
      try node.choice("v_quant_type", default: "NONE", among: choices),
    ]
    bits = try node.int("kv_cache_bit_width", default: 0)
    let isQuantized = kinds[0] != "NONE"
    guard isQuantized == (kinds[1] != "NONE") else {
      throw .attribute("v_quant_type", "must be NONE exactly if k_quant_type is")
    }
    guard isQuantized ? bits == 8 || bits == 4 : bits == 0 else {
      throw .attribute(
        "kv_cache_bit_width", "expected \(isQuantized ? "8 or 4" : "0"), got \(bits)")
    }
  }

  /// Writes new keys and values, `[batch, heads, length, size]`, behind the past ones.
  /// - Parameters:
  ///   - total: the number of rows that the cache has at least
  ///   - past: the number of past rows of each sequence
  /// - Returns: the caches as they are stored, and their values.
  func update(
    _ function: inout FunctionBuilder, key: String, value: String, total: String, past: String
  ) throws(OperatorError) -> (stored: [String], values: [String]) {
    var results: [String] = []
    var values: [String] = []
    for (x, input) in [(key, 3), (value, 4)] {
      guard bits > 0 else {
        results.append(update(&function, x, input: input, total: total, past: past))
        values = results
        continue
      }
      let type: ElementType = bits == 8 ? .int8 : .uint8
      guard function.elementType(input) == type else {
        throw .input(input, "expected \(type) for \(bits) bits")
      }
      guard function.has(input + 9) else { throw .input(input + 9, "is missing: the scale") }
      let scale = function.input(input + 9)
      let stored = update(
        &function, quantized(&function, x, scale), input: input, total: total, past: past)
      results.append(stored)
      values.append(dequantized(&function, stored, scale))
    }
    return (results, values)
  }

  /// Integers of 8 bits, or pairs of integers of 4 bits, from −8 on, the first in the lower bits.
  private func quantized(
    _ function: inout FunctionBuilder, _ x: String, _ scale: String
  ) -> String {
    let wide = function.node("CastLike", [x, scale])
    let least = function.builder.scalar(bits == 8 ? -128 : -8, .float32)
    let most = function.builder.scalar(bits == 8 ? 127 : 7, .float32)
    let steps = function.node("Round", [function.node("Div", [wide, scale])])
    let rounded = function.node("Clip", [steps, least, most])
    if bits == 8 { return function.builder.cast(rounded, to: .int8) }
    let pairs = function.reshape(function.node("Sub", [rounded, least]), [0, 0, 0, -1, 2])
    let parts = function.split(pairs, axis: 4, into: 2).map { function.squeeze($0, [4]) }
    let upper = function.node("Mul", [parts[1], function.builder.scalar(16, .float32)])
    return function.builder.cast(function.node("Add", [parts[0], upper]), to: .uint8)
  }

  private func dequantized(
    _ function: inout FunctionBuilder, _ x: String, _ scale: String
  ) -> String {
    var steps = function.builder.cast(x, to: .float32)
    if bits == 4 {
      let sixteen = function.builder.scalar(16, .float32)
      let upper = function.node("Floor", [function.node("Div", [steps, sixteen])])
      let lower = function.node("Sub", [steps, function.node("Mul", [upper, sixteen])])
      let pairs = function.node(
        "Concat", [function.unsqueeze(lower, [4]), function.unsqueeze(upper, [4])],
        [.int("axis", 4)])
      let flat = function.builder.integers([0, 0, 0, -1])
      steps = function.node(
        "Sub",
        [function.node("Reshape", [pairs, flat]), function.builder.scalar(8, .float32)])
    }
    return function.node("Mul", [steps, scale])
  }

  private func update(
    _ function: inout FunctionBuilder, _ x: String, input: Int, total: String, past: String
  ) -> String {
    let zeros = function.builder.integers([0, 0, 0, 0, 0, 0])
    let zero = function.builder.integers([0])
    func padded(_ x: String, by count: String) -> String {
      let pads = function.node("Concat", [zeros, count, zero], [.int("axis", 0)])
      return function.node("Pad", [x, pads])
    }
    guard function.has(input) else {
      let length = function.size(of: x, axis: 2)
      return padded(x, by: function.node("Sub", [total, length]))
    }
    // Rows that are not valid become 0.
    let given = function.input(input)
    let rows = function.size(of: given, axis: 2)
    let isPast = function.node(
      "Less",
      [function.unsqueeze(function.places(rows), [1]), function.unsqueeze(past, [1, 2, 3])])
    let kept = function.node("Where", [isPast, given, function.scalar(0, like: given)])
    let missing = function.node(
      "Max", [function.node("Sub", [total, rows]), zero])
    return function.node(
      "TensorScatter", [padded(kept, by: missing), x, past], version: 24)
  }
}
