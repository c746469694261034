/// A value that flows through a graph at run time.
///
/// A tensor lies in the value itself, not in a box of its own: runs put tensors in and out.
public enum Value: Sendable {
  case tensor(Tensor)
  indirect case sparseTensor(SparseTensor)
  case sequence(SequenceValue)
  /// An optional that is empty (`nil`) or holds a value; `type` is that of the element.
  indirect case optional(Value?, type: ValueType?)
  indirect case map(MapValue)
}

/// An ordered list of values of one type.
public struct SequenceValue: Sendable {
  public var elements: [Value]
  /// What an element is; `nil` where nothing says so.
  public var elementType: ValueType?
  public init(_ elements: [Value], elementType: ValueType? = nil) {
    self.elements = elements
    self.elementType = elementType
  }
}

/// Keys, all integers or all strings, and one value for each.
public struct MapValue: Sendable {
  public enum Keys: Sendable, Hashable {
    case integers([Int64], ElementType)
    case strings([String])
  }
  public var keys: Keys
  public var values: SequenceValue
  public init(keys: Keys, values: SequenceValue) {
    self.keys = keys
    self.values = values
  }
}

extension Value {
  /// The tensor, if this is one.
  public var tensor: Tensor? { if case .tensor(let tensor) = self { tensor } else { nil } }

  /// The type, with every size known.
  public var type: ValueType {
    switch self {
    case .tensor(let tensor): .tensor(tensor.type)
    case .sparseTensor(let sparse):
      ValueType(.sparseTensor(TensorType(sparse.values.tensor.elementType, sparse.shape)))
    case .sequence(let sequence): .sequence(sequence.elementType ?? sequence.elements.first?.type)
    case .optional(let value, let type): .optional(type ?? value?.type)
    case .map(let map):
      switch map.keys {
      case .integers(_, let key):
        ValueType(.map(key: key, value: map.values.elementType ?? map.values.elements.first?.type))
      case .strings:
        ValueType(
          .map(key: .string, value: map.values.elementType ?? map.values.elements.first?.type))
      }
    }
  }
}
