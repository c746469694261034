import ONNX

extension ElementType {
  /// Types that hold all values of this one and in which an operator gives the same results once
  /// they are converted back, the narrowest first.
  func wider(for facts: any Operator.Type) -> [ElementType] {
    let widening = facts.widening
    switch self {
    // Operators compute in float32 anyway.
    case .float16, .bfloat16: return [.float32]
    case .bool: return widening == .exact ? [.uint8, .int32, .float32] : []
    case .int8, .uint8, .int16, .uint16:
      switch widening {
      case .exact: return [.int32, .int64, .float32]
      case .wrapping: return [.int32, .int64]
      case .inexact: return []
      }
    case .int32, .uint32:
      switch widening {
      case .exact: return [.int64, .float64]
      case .wrapping: return [.int64]
      case .inexact: return []
      }
    default: return []
    }
  }

  /// The first operator set whose `Cast` converts to this type.
  var castableSince: Int {
    (1...Registry.newestVersion).first {
      Registry.standard.find("Cast", domain: "", operatorSet: $0)?.types.contains(self) == true
    } ?? Int.max
  }
}
