import RealModule

/// The fan-in and fan-out of a layer.
public struct Fans: Sendable, Hashable {
  /// The number of inputs that an output depends on.
  public var input: Int
  /// The number of outputs that an input affects.
  public var output: Int

  /// Creates the fans of a layer.
  public init(input: Int, output: Int) {
    self.input = input
    self.output = output
  }

  /// The fans of weights `[outputs, inputs, kernel…]`.
  init(_ shape: [Int]) {
    let kernel = shape.dropFirst(2).reduce(1, *)
    input = (shape.count > 1 ? shape[1] : shape.first ?? 1) * kernel
    output = (shape.first ?? 1) * kernel
  }
}

/// The distribution of a parameter's initial elements.
public enum Initializer: Sendable, Hashable {
  /// The same value for every element.
  case constant(Double)
  /// The uniform distribution between two bounds.
  case uniform(Double, Double)
  /// The normal distribution with a mean and a standard deviation.
  case normal(mean: Double = 0, deviation: Double = 1)
  /// `U(±1 / √fan_in)`, PyTorch's default for the weights and biases of `Linear` and `Conv`.
  case fanIn
  /// `U(±gain · √(6 / (fan_in + fan_out)))` (Glorot and Bengio, 2010).
  case glorotUniform(gain: Double = 1)
  /// Normal with mean 0 and deviation `gain · √(2 / (fan_in + fan_out))`.
  case glorotNormal(gain: Double = 1)
  /// `U(±√(6 / fan_in))`, for layers followed by a ReLU (He, Zhang, Ren and Sun, 2015).
  case heUniform
  /// Normal with mean 0 and deviation `√(2 / fan_in)`.
  case heNormal
  /// `gain` times a matrix with orthonormal rows, or orthonormal columns if there are more rows than
  /// columns. A tensor is treated as the matrix `[shape[0], product of the other sizes]` (Saxe,
  /// McClelland and Ganguli, 2013).
  case orthogonal(gain: Double = 1)

  /// Zeros.
  public static let zeros = Initializer.constant(0)
  /// Ones.
  public static let ones = Initializer.constant(1)

  /// Writes the elements of a tensor.
  func fill<T: BinaryFloatingPoint>(
    _ target: UnsafeMutablePointer<T>, _ shape: [Int], _ fans: Fans, _ random: inout RandomStream
  ) {
    let count = shape.reduce(1, *)
    func uniform(_ low: Double, _ high: Double) {
      for index in 0..<count { target[index] = T(random.uniform(low, high)) }
    }
    func normal(_ mean: Double, _ deviation: Double) {
      for index in 0..<count { target[index] = T(mean + deviation * random.normal()) }
    }
    let input = Double(max(fans.input, 1))
    let both = Double(max(fans.input + fans.output, 1))
    switch self {
    case .constant(let value): for index in 0..<count { target[index] = T(value) }
    case .uniform(let low, let high): uniform(low, high)
    case .normal(let mean, let deviation): normal(mean, deviation)
    case .fanIn: uniform(-1 / input.squareRoot(), 1 / input.squareRoot())
    case .glorotUniform(let gain):
      let bound = gain * (6 / both).squareRoot()
      uniform(-bound, bound)
    case .glorotNormal(let gain): normal(0, gain * (2 / both).squareRoot())
    case .heUniform: uniform(-(6 / input).squareRoot(), (6 / input).squareRoot())
    case .heNormal: normal(0, (2 / input).squareRoot())
    case .orthogonal(let gain):
      let rows = shape.first ?? 1
      orthonormal(rows, rows > 0 ? count / rows : 0, &random) { target[$0] = T(gain * $1) }
    }
  }
}

/// Calls `store` with the elements of a random matrix with orthonormal rows or columns, whichever are
/// fewer: Gram–Schmidt on normal vectors, applied twice to remove the rounding error of the first pass.
private func orthonormal(
  _ rows: Int, _ columns: Int, _ random: inout RandomStream, _ store: (Int, Double) -> Void
) {
  let isTall = rows > columns
  let (count, length) = isTall ? (columns, rows) : (rows, columns)
  var vectors = [Double](repeating: 0, count: count * length)
  vectors.withUnsafeMutableBufferPointer { vectors in
    for index in 0..<count {
      let new = UnsafeMutableBufferPointer(rebasing: vectors[index * length..<(index + 1) * length])
      for k in 0..<length { new[k] = random.normal() }
      for _ in 0..<2 {
        for other in 0..<index {
          let old = UnsafeMutableBufferPointer(
            rebasing: vectors[other * length..<(other + 1) * length])
          var product = 0.0
          for k in 0..<length { product += new[k] * old[k] }
          for k in 0..<length { new[k] -= product * old[k] }
        }
        var square = 0.0
        for k in 0..<length { square += new[k] * new[k] }
        for k in 0..<length { new[k] /= square.squareRoot() }
      }
    }
  }
  for index in 0..<count {
    for k in 0..<length {
      store(isTall ? k * columns + index : index * columns + k, vectors[index * length + k])
    }
  }
}
