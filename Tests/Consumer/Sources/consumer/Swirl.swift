import ONNXOperators

/// `y = x · sin(αx)`
struct Swirl: DifferentiableElementwise, ChainedOperator {
  static let schema = Schema("Swirl", domain: "com.acme", [1: .floats], inputs: 1...1)
  let alpha: Float

  init(_ node: inout NodeReader) throws(OperatorError) {
    alpha = try node.float("alpha", default: 1)
  }

  func apply<T: Real & BinaryFloatingPoint>(_ x: T) -> T { x * .sin(T(alpha) * x) }

  static let derivativeSource = DerivativeSource.input
  func derivative<T: Real & BinaryFloatingPoint>(_ x: T, _ y: T) -> T {
    let t = T(alpha) * x
    return .sin(t) + t * .cos(t)
  }
  var cost: Int { 20 }
}

extension Swirl {
  /// Standard nodes that compute the same become one `Swirl`.
  static var rewrites: [RewriteRule] {
    let x = RewritePattern.value("x")
    return [
      RewriteRule(.product(x, .node("Sin", [.product(x, .scalar("alpha"))]))) {
        $0.node(
          "Swirl", ["x"], [.float("alpha", Float($0.scalar("alpha")))], domain: "com.acme",
          version: 1)
      }
    ]
  }
}

extension Swirl: FusingOperator {
  /// `−(x · sin(αx)) = x · sin(−αx)`
  func fused(with partner: FusionPartner) -> Fusion? {
    guard partner.next.operatorType == "Neg", (partner.next.domain ?? "").isEmpty else {
      return nil
    }
    var node = partner.node
    node.outputs = partner.next.outputs
    node.attributes = [.float("alpha", -alpha)]
    return Fusion(node)
  }
}
