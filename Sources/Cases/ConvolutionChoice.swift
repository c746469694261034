import ONNXFormat
import ONNXOperators

/// An algorithm that every convolution of a case is forced to use.
package enum ConvolutionChoice: String, CaseIterable, Sendable {
  case exact
  case winograd2
  case winograd4
  case winograd6

  var algorithm: ConvolutionAlgorithm {
    switch self {
    case .exact: .exact
    case .winograd2: .winograd(size: 2)
    case .winograd4: .winograd(size: 4)
    case .winograd6: .winograd(size: 6)
    }
  }

  /// The allowed error of a result, in units of the largest expected number.
  var tolerance: Double {
    switch self {
    case .exact: 1e-5
    case .winograd2, .winograd4: 5e-5
    case .winograd6: 1e-4
    }
  }
}

extension Model {
  /// Whether any node is a `Conv`, including those of subgraphs and functions.
  var hasConvolution: Bool {
    graph.hasConvolution || functions.contains { $0.nodes.contains(where: \.isOrHoldsConvolution) }
  }
}

extension Graph {
  fileprivate var hasConvolution: Bool { nodes.contains(where: \.isOrHoldsConvolution) }
}

extension Node {
  fileprivate var isOrHoldsConvolution: Bool {
    if operatorType == "Conv" { return true }
    return attributes.contains { attribute in
      switch attribute.value {
      case .graph(let graph): graph.hasConvolution
      case .graphs(let graphs): graphs.contains(where: \.hasConvolution)
      default: false
      }
    }
  }
}
