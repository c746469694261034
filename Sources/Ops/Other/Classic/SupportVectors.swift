import ONNXFormat
import ONNXOperators
import ONNXShape
import RealModule

/// The support vectors of a machine, and the kernel function of a row and each vector: with `s = x · v`,
/// `s` (linear), `(γ s + c)^d` (polynomial), `tanh(γ s + c)` (sigmoid) or `exp(−γ |x − v|²)` (RBF).
struct SupportVectors: Sendable {
  let kernel: Kernel
  /// γ, c and d.
  let parameters: (gamma: Double, offset: Double, degree: Double)
  /// The vectors, `[count, F]`.
  let values: [Double]

  enum Kernel: String, CaseIterable {
    case linear = "LINEAR"
    case polynomial = "POLY"
    case rbf = "RBF"
    case sigmoid = "SIGMOID"
  }

  init(_ node: inout NodeReader) throws(OperatorError) {
    let name = try node.choice(
      "kernel_type", default: "LINEAR", among: Kernel.allCases.map(\.rawValue))
    kernel = Kernel(rawValue: name) ?? .linear
    let list = try node.optionalFloats("kernel_params") ?? []
    guard list.isEmpty || list.count == 3 else {
      throw .attribute("kernel_params", "expected 3 numbers, got \(list.count)")
    }
    parameters = list.isEmpty ? (0, 0, 0) : (Double(list[0]), Double(list[1]), Double(list[2]))
    values = (try node.optionalFloats("support_vectors") ?? []).map { Double($0) }
  }

  /// The number of features of each of `count` vectors.
  func featureCount(_ count: Int) throws(OperatorError) -> Int {
    guard count > 0, !values.isEmpty, values.count % count == 0 else {
      throw .attribute(
        "support_vectors", "\(values.count) numbers are not divisible by \(count) vectors")
    }
    return values.count / count
  }

  /// Writes the kernel function of the row and each of `count` vectors.
  func measure(
    _ x: UnsafePointer<Double>, _ features: Int, _ count: Int,
    into nearness: UnsafeMutablePointer<Double>
  ) {
    values.withUnsafeBufferPointer { values in
      for index in 0..<count {
        var sum = 0.0
        let start = index * features
        if kernel == .rbf {
          for i in 0..<features {
            let difference = x[i] - values[start + i]
            sum += difference * difference
          }
        } else {
          for i in 0..<features { sum += x[i] * values[start + i] }
        }
        nearness[index] = value(sum)
      }
    }
  }

  private func value(_ sum: Double) -> Double {
    let (gamma, offset, degree) = parameters
    switch kernel {
    case .linear: return sum
    case .rbf: return .exp(-gamma * sum)
    case .sigmoid: return .tanh(gamma * sum + offset)
    case .polynomial:
      let base = gamma * sum + offset
      // The base may be negative if the degree is an integer.
      if let whole = Int(exactly: degree), abs(whole) <= 1024 { return .pow(base, whole) }
      return .pow(base, degree)
    }
  }
}

extension Inputs {
  /// The number of rows of input 0, which must have this number of features. A vector is one row.
  func supportRows(features: Int) throws(OperatorError) -> Dimension {
    guard let shape = try tensor(0, .features).shape else { return .unknown }
    guard shape.rank == 1 || shape.rank == 2 else {
      throw .input(0, "expected shape [N,F] or [F], got \(shape)")
    }
    if let size = shape.last?.size, size != features {
      throw .input(0, "expected \(features) features, got \(size)")
    }
    return shape.rank == 1 ? .size(1) : shape[0]
  }
}
