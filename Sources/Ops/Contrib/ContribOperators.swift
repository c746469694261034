import ONNXOperators

/// The operators of this module: those of the domain `com.microsoft`, which onnxruntime's optimiser and
/// quantiser and the exporters of transformers write. A test compares the list with the folder.
package enum ContribOperators {
  package static let forward: [any Operator.Type] = [
    BiasGelu.self,
    ContribAttention.self,
    ContribRotaryEmbedding.self,
    GroupQueryAttention.self,
    MultiHeadAttention.self,
    QAttention.self,
  ]

  /// The domain of most of them.
  static let domain = "com.microsoft"
}
