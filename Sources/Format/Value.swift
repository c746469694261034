/// A value that flows through a graph at run time.
public enum Value: Sendable {
  // Not indirect: every run creates values of tensors, and a box for each would be an allocation.
  /// A tensor.
  case tensor(Tensor)
  /// A sparse tensor.
  indirect case sparseTensor(SparseTensor)
  /// A list of values.
  case sequence(SequenceValue)
  /// An optional, which is empty (`nil`) or holds a value of the given type.
  indirect case optional(Value?, type: ValueType?)
  /// A dictionary.
  indirect case map(MapValue)
}

/// A list of values of one type.
public struct SequenceValue: Sendable {
  /// The values.
  public var elements: [Value]
  /// The type of the values; `nil` if it is unknown, as for an empty sequence without a stated type.
  public var elementType: ValueType?
  /// Creates a sequence.
  public init(_ elements: [Value], elementType: ValueType? = nil) {
    self.elements = elements
    self.elementType = elementType
  }
}

/// A dictionary from integers or strings to values.
public struct MapValue: Sendable {
  /// The keys of a map.
  public enum Keys: Sendable, Hashable {
    /// Integers of the given type.
    case integers([Int64], ElementType)
    /// Strings.
    case strings([String])
  }
  /// The keys.
  public var keys: Keys
  /// One value for each key, in the same order.
  public var values: SequenceValue
  /// Creates a map.
  public init(keys: Keys, values: SequenceValue) {
    self.keys = keys
    self.values = values
  }
}

extension Value {
  /// The tensor, if the value is one.
  public var tensor: Tensor? { if case .tensor(let tensor) = self { tensor } else { nil } }

  /// The type of the value. All sizes are known.
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
