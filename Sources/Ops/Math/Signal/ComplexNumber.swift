import ONNXOperators

/// A complex number without the costly special cases for infinities.
///
/// Its arithmetic consists of named methods, since more overloads of operators would slow down type
/// checking throughout the module.
struct ComplexNumber<Part: BinaryFloatingPoint> {
  var re: Part
  var im: Part

  @inline(__always) init(_ re: Part, _ im: Part) { (self.re, self.im) = (re, im) }

  @inline(__always) func plus(_ b: Self) -> Self { Self(re + b.re, im + b.im) }
  @inline(__always) func minus(_ b: Self) -> Self { Self(re - b.re, im - b.im) }
  @inline(__always) func times(_ b: Part) -> Self { Self(re * b, im * b) }
  @inline(__always) func times(_ b: Self) -> Self {
    Self(re * b.re - im * b.im, im * b.re + re * b.im)
  }
  /// The real and imaginary parts exchanged: i times the conjugate.
  @inline(__always) var exchanged: Self { Self(im, re) }
}
