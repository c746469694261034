import ONNXOperators
import RealModule

/// A Fourier transform whose length has small prime factors: one pass for each factor (Stockham's
/// order, Temperton 1983), with the arithmetic of pocketfft, which NumPy uses.
struct FourierPasses<Part: Real & BinaryFloatingPoint>: Sendable {
  typealias Value = ComplexNumber<Part>

  private struct Pass {
    let radix: Int
    /// The length of the transforms completed before this pass.
    let done: Int
    /// The length that remains after this pass.
    let rest: Int
    let table: Int
  }

  let length: Int
  /// The number of values in the tables.
  let tableCount: Int
  private let passes: [Pass]

  /// - Precondition: `length` is positive.
  init(length: Int) {
    self.length = length
    var factors: [Int] = []
    var rest = length
    while rest % 4 == 0 {
      factors.append(4)
      rest /= 4
    }
    if rest % 2 == 0 {
      factors.insert(2, at: 0)
      rest /= 2
    }
    factors += Self.oddFactors(rest)
    var (done, table) = (1, 0)
    passes = factors.map { radix in
      let pass = Pass(radix: radix, done: done, rest: length / (done * radix), table: table)
      done *= radix
      table += (radix - 1) * pass.rest + radix
      return pass
    }
    tableCount = table
  }

  private static func oddFactors(_ number: Int) -> [Int] {
    var (factors, rest, divisor): ([Int], Int, Int) = ([], number, 3)
    while divisor * divisor <= rest {
      while rest % divisor == 0 {
        factors.append(divisor)
        rest /= divisor
      }
      divisor += 2
    }
    return rest > 1 ? factors + [rest] : factors
  }

  /// The largest prime factor of a length, or 4 if all are smaller.
  static func largestFactor(_ length: Int) -> Int {
    max(4, oddFactors(length >> length.trailingZeroBitCount).max() ?? 1)
  }

  /// Fills the tables: for each pass `e^(−2πi u j / (radix · rest))`, then `e^(−2πi u / radix)`.
  func fillTables(_ table: UnsafeMutablePointer<Value>) {
    for pass in passes {
      let (radix, rest) = (pass.radix, pass.rest)
      let roots = table + pass.table
      for u in 1..<radix {
        for j in 0..<rest { roots[(u - 1) * rest + j] = root(u * j, of: radix * rest) }
      }
      for u in 0..<radix { roots[(radix - 1) * rest + u] = root(u, of: radix) }
    }
  }

  private func root(_ place: Int, of count: Int) -> Value {
    let angle = -2 * Double.pi * Double(place) / Double(count)
    return Value(Part(Double.cos(angle)), Part(Double.sin(angle)))
  }

  /// Transforms `x` in place, with `other` of the same length as working memory.
  func callAsFunction(
    _ x: UnsafeMutablePointer<Value>, _ other: UnsafeMutablePointer<Value>,
    _ table: UnsafePointer<Value>
  ) {
    var (from, to) = (x, other)
    for pass in passes {
      run(pass, from, to, table + pass.table)
      swap(&from, &to)
    }
    if from != x { x.update(from: from, count: length) }
  }

  private func run(
    _ pass: Pass, _ x: UnsafePointer<Value>, _ y: UnsafeMutablePointer<Value>,
    _ roots: UnsafePointer<Value>
  ) {
    let (done, rest, radix) = (pass.done, pass.rest, pass.radix)
    for k in 0..<done {
      for j in 0..<rest {
        let source = x + j + rest * radix * k
        let target = y + j + rest * k
        // Results are `rest · done` apart; all but the first are multiplied by a root of unity.
        @inline(__always) func store(_ u: Int, _ value: Value) {
          target[u * rest * done] = j == 0 ? value : value.times(roots[(u - 1) * rest + j])
        }
        switch radix {
        case 2:
          let (a, b) = (source[0], source[rest])
          target[0] = a.plus(b)
          store(1, a.minus(b))
        case 3: butterfly3(source, rest, target, store)
        case 4: butterfly4(source, rest, target, store)
        case 5: butterfly5(source, rest, target, store)
        default:
          let unit = roots + (radix - 1) * rest
          for u in 0..<radix {
            var (sum, place) = (source[0], 0)
            for v in 1..<radix {
              place += u
              if place >= radix { place -= radix }
              sum = sum.plus(source[v * rest].times(unit[place]))
            }
            if u == 0 { target[0] = sum } else { store(u, sum) }
          }
        }
      }
    }
  }

  @inline(__always)
  private func butterfly3(
    _ x: UnsafePointer<Value>, _ step: Int, _ y: UnsafeMutablePointer<Value>,
    _ store: (Int, Value) -> Void
  ) {
    let sine = Part(-0.8660254037844386467637)
    let (a, b, c) = (x[0], x[step].plus(x[2 * step]), x[step].minus(x[2 * step]))
    y[0] = a.plus(b)
    let even = a.plus(b.times(-0.5))
    let odd = Value(-(c.im * sine), c.re * sine)
    store(1, even.plus(odd))
    store(2, even.minus(odd))
  }

  @inline(__always)
  private func butterfly4(
    _ x: UnsafePointer<Value>, _ step: Int, _ y: UnsafeMutablePointer<Value>,
    _ store: (Int, Value) -> Void
  ) {
    let (a, b) = (x[0].plus(x[2 * step]), x[0].minus(x[2 * step]))
    let (c, d) = (x[step].plus(x[3 * step]), x[step].minus(x[3 * step]))
    let turned = Value(d.im, -d.re)
    y[0] = a.plus(c)
    store(1, b.plus(turned))
    store(2, a.minus(c))
    store(3, b.minus(turned))
  }

  @inline(__always)
  private func butterfly5(
    _ x: UnsafePointer<Value>, _ step: Int, _ y: UnsafeMutablePointer<Value>,
    _ store: (Int, Value) -> Void
  ) {
    let (c1, s1) = (Part(0.3090169943749474241), Part(-0.95105651629515357212))
    let (c2, s2) = (Part(-0.8090169943749474241), Part(-0.58778525229247312917))
    let a = x[0]
    let (b, e) = (x[step].plus(x[4 * step]), x[step].minus(x[4 * step]))
    let (c, d) = (x[2 * step].plus(x[3 * step]), x[2 * step].minus(x[3 * step]))
    y[0] = a.plus(b).plus(c)
    let even1 = a.plus(b.times(c1)).plus(c.times(c2))
    let odd1 = Value(-(e.im * s1 + d.im * s2), e.re * s1 + d.re * s2)
    let even2 = a.plus(b.times(c2)).plus(c.times(c1))
    let odd2 = Value(-(e.im * s2 - d.im * s1), e.re * s2 - d.re * s1)
    store(1, even1.plus(odd1))
    store(4, even1.minus(odd1))
    store(2, even2.plus(odd2))
    store(3, even2.minus(odd2))
  }
}
