import ONNXFormat
import ONNXOperators

/// The 32-bit hash MurmurHash3 of the bytes of each element: uint32, or int32 if `positive` is 0.
struct MurmurHash3: FlatOperator {
  static let schema = Schema(
    "MurmurHash3", domain: ContribOperators.domain,
    [1: [.int32, .uint32, .int64, .uint64, .float32, .float64, .string]], inputs: 1...1)
  let seed: UInt32
  let type: ElementType

  init(_ node: inout NodeReader) throws(OperatorError) {
    seed = UInt32(truncatingIfNeeded: try node.int("seed", default: 0))
    type = try node.flag("positive", default: true) ? .uint32 : .int32
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    [.tensor(type, try inputs.tensor(0).shape)]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    .produce { call throws(OperatorError) in
      let x = try call.tensor(0)
      let result = try call.allocate(type, x.shape)
      let hashes = result.storage.pointer.assumingMemoryBound(to: UInt32.self)
      if x.elementType == .string {
        for (index, text) in x.elements(as: String.self).enumerated() {
          var text = text
          hashes[index] = text.withUTF8 { Self.hash(UnsafeRawBufferPointer($0), seed) }
        }
      } else {
        let stride = x.elementType.stride
        for index in 0..<x.count {
          hashes[index] = Self.hash(
            UnsafeRawBufferPointer(start: x.storage.pointer + index * stride, count: stride), seed)
        }
      }
      return [.tensor(result)]
    }
  }

  /// MurmurHash3_x86_32 (Appleby 2011).
  private static func hash(_ bytes: UnsafeRawBufferPointer, _ seed: UInt32) -> UInt32 {
    func rotated(_ x: UInt32, _ bits: UInt32) -> UInt32 { x << bits | x >> (32 - bits) }
    func mixed(_ word: UInt32) -> UInt32 { rotated(word &* 0xcc9e_2d51, 15) &* 0x1b87_3593 }
    var hash = seed
    let whole = bytes.count / 4 * 4
    for offset in stride(from: 0, to: whole, by: 4) {
      let word = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
      hash = rotated(hash ^ mixed(word), 13) &* 5 &+ 0xe654_6b64
    }
    var tail: UInt32 = 0
    for offset in (whole..<bytes.count).reversed() { tail = tail << 8 | UInt32(bytes[offset]) }
    if whole < bytes.count { hash ^= mixed(tail) }
    hash ^= UInt32(truncatingIfNeeded: bytes.count)
    hash = (hash ^ hash >> 16) &* 0x85eb_ca6b
    hash = (hash ^ hash >> 13) &* 0xc2b2_ae35
    return hash ^ hash >> 16
  }
}
