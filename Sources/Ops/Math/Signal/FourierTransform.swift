import ONNXOperators
import RealModule

/// The discrete Fourier transform of `length` complex numbers,
/// `X[k] = Σ x[j] e^(−2πi jk / length)`.
///
/// It takes one pass for each prime factor of the length or, if a factor is large, a convolution
/// (Bluestein 1970). The caller provides the memory for its tables.
struct FourierTransform<Part: Real & BinaryFloatingPoint & Sendable>: Sendable {
  typealias Value = ComplexNumber<Part>

  let length: Int
  private let passes: FourierPasses<Part>
  private var isDirect: Bool { passes.length == length }

  /// - Throws: `OperatorError.invalid` if the length is not positive, or too large for any memory.
  init(length: Int) throws(OperatorError) {
    guard length > 0, length < 1 << 40 else {
      throw .invalid("expected a transform of 1 to 2⁴⁰ − 1 points, got \(length)")
    }
    self.length = length
    let isDirect = FourierPasses<Part>.largestFactor(length) <= 50
    let power = 1 << (Int.bitWidth - (2 * length - 2).leadingZeroBitCount)
    passes = FourierPasses(length: isDirect ? length : power)
  }

  /// The number of values in the tables.
  var tableCount: Int { passes.tableCount + (isDirect ? 0 : length + passes.length) }
  /// The number of values in a transform's working memory; the first `length` are input and output.
  var workCount: Int { 2 * passes.length }

  /// Bytes of scratch memory: the tables, followed by the working memory of each thread.
  func scratch(threads: Int) -> Int {
    (tableCount + threads * workCount) * MemoryLayout<Value>.stride
  }

  func tables(_ buffers: Buffers) -> UnsafeMutablePointer<Value> {
    buffers.scratch.assumingMemoryBound(to: Value.self)
  }

  func work(_ buffers: Buffers, thread: Int) -> UnsafeMutablePointer<Value> {
    tables(buffers) + tableCount + thread * workCount
  }

  /// Fills the tables. Call it before any thread transforms.
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

  /// Transforms the working memory of this thread.
  func callAsFunction(_ buffers: Buffers, thread: Int) {
    let (table, x) = (tables(buffers), work(buffers, thread: thread))
    let size = passes.length
    if isDirect { return passes(x, x + size, table) }
    let chirp = table + passes.tableCount
    let filter = chirp + length
    for j in 0..<length { x[j] = x[j].times(chirp[j]) }
    (x + length).update(repeating: Value(0, 0), count: size - length)
    passes(x, x + size, table)
    // The inverse is the transform with real and imaginary parts exchanged.
    for j in 0..<size { x[j] = x[j].times(filter[j]).exchanged }
    passes(x, x + size, table)
    let scale = 1 / Part(size)
    for j in 0..<length { x[j] = x[j].exchanged.times(chirp[j]).times(scale) }
  }
}
