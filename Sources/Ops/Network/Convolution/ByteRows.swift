import CKernels
import ONNXFormat
import ONNXOperators
import ONNXProducts

/// The numbers that an 8-bit convolution needs for each output channel. The kernels multiply
/// unsigned elements of the image by signed weights; other types are moved by 128, and so are their
/// zero points.
struct ByteRows: Sendable {
  let results: ByteResults
  let codes: (x: ByteCode, w: ByteCode)
  /// Whether the zero points of the signed weights may differ from 0.
  let hasZeros: Bool
  private let maps: Int
  private let depth: Int
  private let numberX: Int?
  private let zeroW: QuantizationParameter
  /// The numbers, if they are known before the run.
  private var known: TensorStorage?

  init?(
    _ operands: QuantizedWindows, _ call: Preparation, _ results: ByteResults
  ) throws(OperatorError) {
    guard let codeX = ByteCode(try call.elementType(operands.places.x)),
      let codeW = ByteCode(try call.elementType(operands.places.w))
    else { return nil }
    self.results = results
    codes = (codeX, codeW)
    maps = operands.geometry.groups * operands.geometry.maps
    depth = operands.geometry.depth
    numberX = operands.zeroX.input
    zeroW = operands.zeroW
    let center = codeW.flip ^ 0x80
    if let input = zeroW.input {
      hasZeros = call.inputs.constant(input)?.bits(as: UInt8.self).contains { $0 != center } ?? true
    } else {
      hasZeros = center != 0
    }
  }

  /// Computes the numbers before the run if all of their inputs are constant.
  /// - Parameter sums: the sums of the weights of each output channel
  mutating func prepare(
    _ call: Preparation, sums: UnsafePointer<Int32>
  ) throws(OperatorError) {
    let inputs = [numberX, zeroW.input].compactMap(\.self) + results.inputs
    guard inputs.allSatisfy({ call.inputs.constant($0) != nil }) else { return }
    let storage: TensorStorage
    do throws(TensorError) { storage = try TensorStorage(byteCount: .work(count, 4)) } catch {
      throw OperatorError(error)
    }
    write(storage.pointer, sums) { call.inputs.constant($0)?.storage.pointer }
    known = storage
  }

  /// The size of the scratch memory, in units of 4 bytes.
  var scratch: Int { known == nil ? count : 0 }
  private var padded: Int { Int.total(maps, 16).vectors }
  private var count: Int { .work(3, padded) }

  /// Writes the numbers to scratch memory, unless they are known.
  func prepare(
    _ buffers: Buffers, _ scratch: UnsafeMutablePointer<UInt32>, sums: UnsafePointer<Int32>
  ) {
    guard known == nil else { return }
    write(UnsafeMutableRawPointer(scratch), sums) { buffers.address($0) }
  }

  /// The zero point of the unsigned image.
  func zeroX(_ buffers: Buffers) -> UInt8 {
    (numberX.map { buffers.input($0, as: UInt8.self)[0] } ?? 0) ^ codes.x.flip
  }

  /// The steps from sums to results for the output channels from `map` on.
  func c(
    _ buffers: Buffers, _ scratch: UnsafeMutablePointer<UInt32>, map: Int,
    windows: UnsafePointer<Int32>? = nil
  ) -> ck_int8_results {
    let memory = known?.pointer ?? UnsafeMutableRawPointer(scratch)
    let start = memory.assumingMemoryBound(to: Int32.self) + map
    let scale = memory.assumingMemoryBound(to: Float.self) + 2 * padded + map
    let range = results.range(buffers)
    return ck_int8_results(
      start: start, zero: start + padded, windows: windows,
      scale: results.isQuantized ? UnsafePointer(scale) : nil, zero_y: range.zero, low: range.low,
      high: range.high)
  }

  /// Writes the first terms of the sums, the zero points of the weights and the factors of the
  /// sums: `Σ (x − zx) · (w − zw) = Σ x · w − zx · Σ w + n · zx · zw − zw · Σ x`.
  private func write(
    _ memory: UnsafeMutableRawPointer, _ sums: UnsafePointer<Int32>,
    _ address: (Int) -> UnsafeMutableRawPointer?
  ) {
    let start = memory.assumingMemoryBound(to: Int32.self)
    let zero = start + padded
    let scale = memory.assumingMemoryBound(to: Float.self) + 2 * padded
    func bytes(_ input: Int?) -> UnsafePointer<UInt8>? {
      input.flatMap(address).map { UnsafePointer($0.assumingMemoryBound(to: UInt8.self)) }
    }
    let zeroX = Int32((bytes(numberX)?[0] ?? 0) ^ codes.x.flip)
    let numbers = bytes(zeroW.input)
    let terms = Int32(truncatingIfNeeded: depth)
    // The offset of the signed weights: 0 for int8, 128 for uint8.
    let (code, shift, step) = (codes.w, 128 - codes.w.offset, zeroW.line)
    for map in 0..<maps {
      let own = code.value(numbers?[map * step] ?? 0) - shift
      zero[map] = own
      start[map] = (terms &* zeroX &* own) &- (zeroX &* sums[map])
    }
    results.write(maps, start, scale, address)
  }
}
