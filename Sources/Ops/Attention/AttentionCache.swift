import ONNXFormat
import ONNXOperators
import ONNXProducts

/// Keys or values `[batch, heads, keys, width]`: the input, or the past followed by the input, in an
/// output or in scratch memory.
struct AttentionCache: Sendable {
  let layout: HeadLayout
  /// The number of bytes of scratch memory that `gather` fills.
  let scratch: Int
  private let input: Int
  private let past: Int?
  private let output: Int?
  private let pastKeys: Int
  private let source: HeadLayout
  private let stride: Int
  private let batch: Int

  init(
    _ call: Preparation, _ sizes: AttentionSizes, input: Int, past: Int, output: Int, width: Int
  ) throws(OperatorError) {
    self.input = input
    self.past = call.inputs.has(past) ? past : nil
    self.output = call.wants(output) ? output : nil
    let isGathered = self.past != nil || self.output != nil
    pastKeys = sizes.pastKeys
    batch = sizes.batch
    stride = try call.elementType(input).stride
    source = HeadLayout(
      heads: sizes.heads, length: sizes.newKeys, width: width, isPacked: sizes.isPacked)
    layout =
      isGathered
      ? HeadLayout(heads: sizes.heads, length: sizes.keys, width: width, isPacked: false) : source
    let bytes = Int.work(batch, layout.heads, layout.length, width, stride)
    guard bytes < Int.max - 64 else { throw .invalid("the sizes of keys or values overflow") }
    scratch = isGathered && self.output == nil ? (bytes + 63) / 64 * 64 : 0
  }

  /// Concatenates past and input if there is a past.
  /// - Parameter room: the offset of its `scratch` bytes in scratch memory
  func gather(_ buffers: Buffers, at room: Int) {
    guard past != nil || output != nil else { return }
    let row = layout.width * stride
    let copy: Buffers.Tile = { buffers, task, _ in
      let (batch, head) = (task / layout.heads, task % layout.heads)
      let target = output.map { UnsafeMutableRawPointer(buffers.bytes(output: $0)) }
      let start = (target ?? buffers.scratch + room) + task * layout.length * row
      if let past {
        start.copyMemory(
          from: buffers.bytes(input: past) + task * pastKeys * row, byteCount: pastKeys * row)
      }
      let base = buffers.bytes(input: input)
      if !source.isPacked {
        (start + pastKeys * row).copyMemory(
          from: base + source.offset(batch, head, row: 0) * stride,
          byteCount: source.length * row)
        return
      }
      for i in 0..<source.length {
        (start + (pastKeys + i) * row).copyMemory(
          from: base + source.offset(batch, head, row: i) * stride, byteCount: row)
      }
    }
    buffers.parallel(layout.length * row == 0 ? 0 : batch * layout.heads, copy)
  }

  /// The address of the elements after `gather`.
  func base(_ buffers: Buffers, at room: Int) -> UnsafePointer<UInt8> {
    if let output { return UnsafePointer(buffers.bytes(output: output)) }
    guard past != nil else { return buffers.bytes(input: input) }
    return UnsafePointer((buffers.scratch + room).assumingMemoryBound(to: UInt8.self))
  }
}
