import ArgumentParser
import ONNX
import ToolSupport

/// How all convolutions of a case are computed.
enum ConvolutionChoice: String, CaseIterable, ExpressibleByArgument {
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

  /// How far from what is expected a result may be, in units of the largest expected number.
  var tolerance: Double {
    switch self {
    case .exact: 1e-5
    case .winograd2, .winograd4: 5e-5
    case .winograd6: 1e-4
    }
  }
}

extension Model {
  /// Whether a convolution of its own is among the nodes, those of subgraphs and functions included.
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
