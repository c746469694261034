import ONNXOperators
import RealModule

/// The discrete Fourier transform of `length` complex numbers, `X[k] = Σ x[j] e^(−2πi jk / length)`:
/// in passes by the length's factors or, where one is large, as a convolution (Bluestein 1970).
///
/// Its tables lie in memory that its user provides.
struct FourierTransform<Part: Real & BinaryFloatingPoint & Sendable>: Sendable {
  typealias Value = ComplexNumber<Part>

  let length: Int
  private let passes: FourierPasses<Part>
  private var isDirect: Bool { passes.length == length }

  /// - Throws: `OperatorError.invalid` where the length is not positive, or too large for any memory.
  init(length: Int) throws(OperatorError) {
    guard length > 0, length < 1 << 40 else { throw .invalid("a transform of length \(length)") }
    self.length = length
    let isDirect = FourierPasses<Part>.largestFactor(length) <= 50
    let power = 1 << (Int.bitWidth - (2 * length - 2).leadingZeroBitCount)
    passes = FourierPasses(length: isDirect ? length : power)
  }

  /// Values that the tables take.
  var tableCount: Int { passes.tableCount + (isDirect ? 0 : length + passes.length) }
  /// Values that one transform works on; its input and output are the first `length`.
  var workCount: Int { 2 * passes.length }

  /// Bytes for the tables and for what so many threads work on, which follows them.
  func scratch(threads: Int) -> Int {
    (tableCount + threads * workCount) * MemoryLayout<Value>.stride
  }

  func tables(_ buffers: Buffers) -> UnsafeMutablePointer<Value> {
    buffers.scratch.assumingMemoryBound(to: Value.self)
  }

  func work(_ buffers: Buffers, thread: Int) -> UnsafeMutablePointer<Value> {
    tables(buffers) + tableCount + thread * workCount
  }

  /// Fills the tables, before any thread transforms.
  func fillTables(_ buffers: Buffers) {
    let table = tables(buffers)
    passes.fillTables(table)
    guard !isDirect else { return }
    let chirp = table + passes.tableCount
    let filter = chirp + length
    let size = passes.length
    filter.update(repeating: Value(0, 0), count: size)
    for j in 0..<length {
      // j² modulo 2 · length keeps the angle small and exact.
      let rest = (2 * length).dividingFullWidth(j.multipliedFullWidth(by: j)).remainder
      let angle = Double.pi * Double(rest) / Double(length)
      let (cosine, sine) = (Part(Double.cos(angle)), Part(Double.sin(angle)))
      chirp[j] = Value(cosine, -sine)
      filter[j] = Value(cosine, sine)
      filter[(size - j) % size] = Value(cosine, sine)
    }
    passes(filter, work(buffers, thread: 0), table)
  }

  /// Transforms what this thread works on.
  func callAsFunction(_ buffers: Buffers, thread: Int) {
    let (table, x) = (tables(buffers), work(buffers, thread: thread))
    let size = passes.length
    if isDirect { return passes(x, x + size, table) }
    let chirp = table + passes.tableCount
    let filter = chirp + length
    for j in 0..<length { x[j] = x[j].times(chirp[j]) }
    (x + length).update(repeating: Value(0, 0), count: size - length)
    passes(x, x + size, table)
    // The inverse is the transform with the parts exchanged.
    for j in 0..<size { x[j] = x[j].times(filter[j]).exchanged }
    passes(x, x + size, table)
    let scale = 1 / Part(size)
    for j in 0..<length { x[j] = x[j].exchanged.times(chirp[j]).times(scale) }
  }
}
