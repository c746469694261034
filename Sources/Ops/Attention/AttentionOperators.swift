import ONNXOperators

/// The operators of this module: attention, rotary embeddings and gated activations. A test compares the
/// lists with the folder.
package enum AttentionOperators {
  package static let forward: [any Operator.Type] = [
    Attention.self,
    FlexAttention.self,
    FusedAttention.self,
    LinearAttention.self,
    RotaryEmbedding.self,
    SwiGLU.self,
  ]

  /// Operators of the private domain that only gradients use.
  package static let gradients: [any Operator.Type] = []
}
