import CKernels
import ONNXOperators

/// The attributes that `MoE` and `QMoE` share.
struct ExpertAttributes: Sendable {
  /// The number of experts that compute each token.
  let chosen: Int
  /// Whether the weights of the chosen experts are divided by their sum.
  let isNormalized: Bool
  let activation: Activation

  /// The function between the two layers of an expert.
  enum Activation: Sendable {
    case relu
    case gelu
    case silu
    case identity
    /// `G · sigmoid(alpha · G) · (L + beta)` with `G = min(g, limit)` and `L` clipped to `±limit`, where g
    /// and l alternate, or g comes first.
    case swiglu(alpha: Float, beta: Float, limit: Float, alternates: Bool)
  }

  init(_ node: inout NodeReader) throws(OperatorError) {
    chosen = try node.int("k", default: 1)
    guard chosen > 0 else { throw .attribute("k", "expected a positive number, got \(chosen)") }
    isNormalized = try node.flag("normalize_routing_weights")
    // onnxruntime computes the same with it.
    _ = try node.flag("use_sparse_mixer")
    let alpha = try node.float("activation_alpha", default: 1)
    let beta = try node.float("activation_beta", default: 0)
    let limit = try node.float("swiglu_limit", default: .infinity)
    let fusion = try node.int("swiglu_fusion", default: 0)
    guard 0...2 ~= fusion else {
      throw .attribute("swiglu_fusion", "expected 0, 1 or 2, got \(fusion)")
    }
    let names = ["relu", "gelu", "silu", "swiglu", "identity"]
    switch try node.choice("activation_type", default: "relu", among: names) {
    case "gelu": activation = .gelu
    case "silu": activation = .silu
    case "identity": activation = .identity
    case "swiglu":
      guard fusion != 0 else {
        throw .unsupported("swiglu_fusion 0, with a third layer of its own")
      }
      activation = .swiglu(alpha: alpha, beta: beta, limit: limit, alternates: fusion == 1)
    default: activation = .relu
    }
  }

  /// The number of outputs of the first layer for each input of the second.
  var fused: Int { if case .swiglu = activation { 2 } else { 1 } }

  /// The inputs of the second layer, `count` numbers, from the outputs of the first.
  /// - Parameter spare: memory for `count` numbers
  func activate(
    _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>,
    _ spare: UnsafeMutablePointer<Float>, _ count: Int
  ) {
    switch activation {
    case .identity: y.update(from: x, count: count)
    case .relu: for i in 0..<count { y[i] = x[i] < 0 ? 0 : x[i] }
    case .silu:
      ck_sigmoid(x, spare, count)
      for i in 0..<count { y[i] = x[i] * spare[i] }
    case .gelu:
      for i in 0..<count { spare[i] = 0.7978845608 * (x[i] + 0.044715 * x[i] * x[i] * x[i]) }
      ck_tanh(spare, spare, count)
      for i in 0..<count { y[i] = 0.5 * x[i] * (1 + spare[i]) }
    case .swiglu(let alpha, let beta, let limit, let alternates):
      let (step, second) = alternates ? (2, 1) : (1, count)
      for i in 0..<count {
        let g = x[i * step]
        y[i] = g > limit ? limit : g
        spare[i] = alpha * y[i]
      }
      ck_sigmoid(spare, spare, count)
      for i in 0..<count {
        let l = x[i * step + second]
        let clipped = l > limit ? limit : l < -limit ? -limit : l
        y[i] *= spare[i] * (clipped + beta)
      }
    }
  }
}
