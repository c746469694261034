import RealModule

/// The discrete Fourier transform of `length` complex numbers, `X[k] = Σ x[j] e^(−2πi jk / length)`,
/// in double precision: by halves for a power of 2 (Cooley and Tukey 1965), else as a convolution of
/// a power of 2 (Bluestein 1970).
///
/// Its tables lie in memory that its user provides.
struct FourierTransform: Sendable {
  let length: Int
  /// The power of 2 that is transformed.
  private let size: Int
  private var isPower: Bool { size == length }

  /// `nil` where the length is not positive, or too large for any memory.
  init?(length: Int) {
    guard length > 0, length < 1 << 40 else { return nil }
    self.length = length
    if length & (length - 1) == 0 {
      size = length
    } else {
      size = 1 << (Int.bitWidth - (2 * length - 2).leadingZeroBitCount)
    }
  }

  /// Numbers of type `Double` that the tables take.
  var tableCount: Int { size + (isPower ? 0 : 2 * length + 2 * size) }
  /// Numbers of type `Double` that one transform works on: the first `length` are the real parts of
  /// its input and output, and the `length` from `imaginaryOffset` on the imaginary ones.
  var workCount: Int { 2 * size }
  var imaginaryOffset: Int { size }

  /// Fills the tables: e^(−2πi j / size) for the first half, then chirps and their transform.
  func fillTables(_ table: UnsafeMutablePointer<Double>) {
    let half = size / 2
    for j in 0..<half {
      let angle = -2 * Double.pi * Double(j) / Double(size)
      table[j] = .cos(angle)
      table[half + j] = .sin(angle)
    }
    guard !isPower else { return }
    let chirp = table + size
    let filter = chirp + 2 * length
    filter.update(repeating: 0, count: 2 * size)
    for j in 0..<length {
      // j² modulo 2 · length keeps the angle small and exact.
      let square = j.multipliedFullWidth(by: j)
      let rest = (2 * length).dividingFullWidth(square).remainder
      let angle = Double.pi * Double(rest) / Double(length)
      chirp[j] = .cos(angle)
      chirp[length + j] = -.sin(angle)
      for place in [j, (size - j) % size] {
        filter[place] = .cos(angle)
        filter[size + place] = .sin(angle)
      }
    }
    power(filter, filter + size, table)
  }

  /// Transforms the numbers in `work`.
  func callAsFunction(_ work: UnsafeMutablePointer<Double>, _ table: UnsafePointer<Double>) {
    let (re, im) = (work, work + size)
    if isPower { return power(re, im, table) }
    let chirp = table + size
    let filter = chirp + 2 * length
    multiply(re, im, chirp, chirp + length, length)
    (re + length).update(repeating: 0, count: size - length)
    (im + length).update(repeating: 0, count: size - length)
    power(re, im, table)
    multiply(re, im, filter, filter + size, size)
    // The inverse is the transform with the parts exchanged.
    power(im, re, table)
    multiply(re, im, chirp, chirp + length, length)
    let scale = 1 / Double(size)
    for j in 0..<length {
      re[j] *= scale
      im[j] *= scale
    }
  }

  private func multiply(
    _ re: UnsafeMutablePointer<Double>, _ im: UnsafeMutablePointer<Double>,
    _ otherRe: UnsafePointer<Double>, _ otherIm: UnsafePointer<Double>, _ count: Int
  ) {
    for j in 0..<count {
      let (a, b) = (re[j], im[j])
      re[j] = a * otherRe[j] - b * otherIm[j]
      im[j] = a * otherIm[j] + b * otherRe[j]
    }
  }

  /// The transform of `size` numbers in place.
  private func power(
    _ re: UnsafeMutablePointer<Double>, _ im: UnsafeMutablePointer<Double>,
    _ table: UnsafePointer<Double>
  ) {
    var reversed = 0
    for j in 1..<max(size, 1) {
      var bit = size >> 1
      while reversed & bit != 0 {
        reversed ^= bit
        bit >>= 1
      }
      reversed |= bit
      if j < reversed {
        (re[j], re[reversed]) = (re[reversed], re[j])
        (im[j], im[reversed]) = (im[reversed], im[j])
      }
    }
    let (cosines, sines) = (table, table + size / 2)
    var half = 1
    while half < size {
      let step = size / (2 * half)
      for start in stride(from: 0, to: size, by: 2 * half) {
        for j in 0..<half {
          let (c, s) = (cosines[j * step], sines[j * step])
          let (low, high) = (start + j, start + j + half)
          let (a, b) = (re[high] * c - im[high] * s, re[high] * s + im[high] * c)
          (re[high], im[high]) = (re[low] - a, im[low] - b)
          (re[low], im[low]) = (re[low] + a, im[low] + b)
        }
      }
      half *= 2
    }
  }
}
