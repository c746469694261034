import ONNXOperators
import ONNXProducts
import RealModule

/// An activation function of RNN, LSTM and GRU with its parameters.
package struct RecurrentActivation: Sendable, Hashable {
  package enum Function: String, Sendable, CaseIterable {
    /// `max(x, 0)`
    case relu
    /// `tanh x`
    case tanh
    /// `1 / (1 + e^−x)`
    case sigmoid
    /// `α x + β`
    case affine
    /// `x` where `x ≥ 0`, `α x` elsewhere
    case leakyrelu
    /// `x` where `x ≥ α`, 0 elsewhere
    case thresholdedrelu
    /// `α tanh(β x)`
    case scaledtanh
    /// `min(max(α x + β, 0), 1)`
    case hardsigmoid
    /// `x` where `x ≥ 0`, `α (e^x − 1)` elsewhere
    case elu
    /// `x / (1 + |x|)`
    case softsign
    /// `log(1 + e^x)`
    case softplus

    /// The default of α; `nil` where the function has none. It is that of the operator of the same
    /// name. For Affine and ScaledTanh, which are no longer operators, it is 1.
    var alpha: Float? {
      switch self {
      case .affine, .thresholdedrelu, .scaledtanh, .elu: 1
      case .leakyrelu: 0.01
      case .hardsigmoid: 0.2
      default: nil
      }
    }

    /// The default of β; `nil` where the function has none.
    var beta: Float? {
      switch self {
      case .affine: 0
      case .scaledtanh: 1
      case .hardsigmoid: 0.5
      default: nil
      }
    }
  }

  var function: Function
  var alpha: Float
  var beta: Float

  init(_ function: Function, alpha: Float? = nil, beta: Float? = nil) {
    self.function = function
    self.alpha = alpha ?? function.alpha ?? 0
    self.beta = beta ?? function.beta ?? 0
  }

  /// The functions of these names, in upper or lower case. Each function that has an α takes the
  /// next value of `alphas`, and likewise β; further values are ignored. Without a list, functions
  /// have their defaults.
  /// - Throws: `OperatorError.attribute` for an unknown name, or a list that is too short.
  static func list(
    _ names: [String], alphas: [Float]?, betas: [Float]?
  ) throws(OperatorError) -> [RecurrentActivation] {
    var alphas = alphas?[...]
    var betas = betas?[...]
    var list: [RecurrentActivation] = []
    for name in names {
      guard let function = Function(rawValue: name.lowercased()) else {
        throw .attribute("activations", "'\(name)' is not an activation function")
      }
      let alpha =
        function.alpha == nil ? nil : try next(&alphas, "activation_alpha", name)
      let beta = function.beta == nil ? nil : try next(&betas, "activation_beta", name)
      list.append(RecurrentActivation(function, alpha: alpha, beta: beta))
    }
    return list
  }

  private static func next(
    _ values: inout ArraySlice<Float>?, _ attribute: String, _ name: String
  ) throws(OperatorError) -> Float? {
    guard values != nil else { return nil }
    guard let value = values?.popFirst() else {
      throw .attribute(attribute, "has too few values: none is left for '\(name)'")
    }
    return value
  }

  /// `y[i] = f(x[i])` for `i < count`; `y` may be `x`.
  package func apply<T: GateValue>(
    _ x: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>, _ count: Int
  ) {
    let alpha = T(self.alpha)
    let beta = T(self.beta)
    switch function {
    case .relu: for i in 0..<count { y[i] = x[i] < 0 ? 0 : x[i] }
    case .tanh: T.tanh(x, y, count)
    case .sigmoid: T.sigmoid(x, y, count)
    case .affine: for i in 0..<count { y[i] = alpha * x[i] + beta }
    case .leakyrelu: for i in 0..<count { y[i] = x[i] < 0 ? alpha * x[i] : x[i] }
    case .thresholdedrelu: for i in 0..<count { y[i] = x[i] < alpha ? 0 : x[i] }
    case .scaledtanh:
      for i in 0..<count { y[i] = beta * x[i] }
      T.tanh(y, y, count)
      for i in 0..<count { y[i] *= alpha }
    case .hardsigmoid:
      for i in 0..<count {
        let line = alpha * x[i] + beta
        y[i] = line < 0 ? 0 : line > 1 ? 1 : line
      }
    case .elu: for i in 0..<count { y[i] = x[i] < 0 ? alpha * T.expMinusOne(x[i]) : x[i] }
    case .softsign: for i in 0..<count { y[i] = x[i] / (1 + abs(x[i])) }
    case .softplus:
      // log(1 + e^x) = max(x, 0) + log(1 + e^−|x|), which does not overflow.
      for i in 0..<count { y[i] = (x[i] < 0 ? 0 : x[i]) + T.log(onePlus: T.exp(-abs(x[i]))) }
    }
  }
}

extension RecurrentActivation {
  /// `g[i] *= f′(x[i])`, where `y[i] = f(x[i])` and the argument was clipped to `±clip` first.
  func differentiate<T: GateValue>(
    _ g: UnsafeMutablePointer<T>, _ x: UnsafePointer<T>, _ y: UnsafePointer<T>, clip: Float?,
    _ count: Int
  ) {
    let alpha = T(self.alpha)
    let beta = T(self.beta)
    switch function {
    case .relu: for i in 0..<count { g[i] *= x[i] > 0 ? 1 : 0 }
    case .tanh: for i in 0..<count { g[i] *= 1 - y[i] * y[i] }
    case .sigmoid: for i in 0..<count { g[i] *= y[i] * (1 - y[i]) }
    case .affine: for i in 0..<count { g[i] *= alpha }
    case .leakyrelu: for i in 0..<count { g[i] *= x[i] < 0 ? alpha : 1 }
    case .thresholdedrelu: for i in 0..<count { g[i] *= x[i] < alpha ? 0 : 1 }
    case .scaledtanh:
      for i in 0..<count {
        let t = T.tanh(beta * x[i])
        g[i] *= alpha * beta * (1 - t * t)
      }
    case .hardsigmoid: for i in 0..<count { g[i] *= y[i] > 0 && y[i] < 1 ? alpha : 0 }
    case .elu: for i in 0..<count { g[i] *= x[i] < 0 ? alpha * T.exp(x[i]) : 1 }
    case .softsign:
      for i in 0..<count {
        let d = 1 + abs(x[i])
        g[i] /= d * d
      }
    case .softplus: for i in 0..<count { g[i] /= 1 + T.exp(-x[i]) }
    }
    guard let clip else { return }
    let bound = T(clip)
    for i in 0..<count where abs(x[i]) > bound { g[i] = 0 }
  }
}
