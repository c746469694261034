import ONNXFormat
import ONNXOperators
import ONNXProducts

/// Divides a piece of memory into parts, in bytes.
struct MemoryParts: Sendable {
  private(set) var byteCount = 0
  private var overflows = false

  /// The offset of a new part that holds the product of `counts` elements of `bytes` bytes each.
  mutating func reserve(_ counts: Int..., bytes: Int) -> Int {
    let start = byteCount
    var size = bytes
    for count in counts {
      let (product, overflow) = size.multipliedReportingOverflow(by: count)
      overflows = overflows || overflow
      size = product
    }
    let (end, overflow) = start.addingReportingOverflow((size &+ 63) & ~63)
    overflows = overflows || overflow || size > Int.max - 64
    byteCount = overflows ? 0 : end
    return start
  }

  /// - Throws: `OperatorError.memory` where the size of the parts overflows.
  func check() throws(OperatorError) {
    if overflows { throw .memory(needed: Int.max, limit: Int.max) }
  }
}
