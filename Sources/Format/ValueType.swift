/// What is known of a value in a graph before it exists: the standard's `TypeProto`.
public struct ValueType: Sendable, Hashable {
  public indirect enum Kind: Sendable, Hashable {
    case undefined
    case tensor(TensorType)
    case sparseTensor(TensorType)
    case sequence(ValueType?)
    case optional(ValueType?)
    case map(key: ElementType, value: ValueType?)
    case opaque(domain: String?, name: String?)
  }

  public var kind: Kind
  public var denotation: String?

  public init(_ kind: Kind, denotation: String? = nil) {
    self.kind = kind
    self.denotation = denotation
  }
}

/// Element type and shape of a tensor in a graph; `shape` is `nil` where not even the rank is known.
public struct TensorType: Sendable {
  public var elementType: ElementType
  public var shape: Shape?
  /// The file states the element type even where it is undefined. No part of the type's identity.
  var statesUndefined = false

  public init(_ elementType: ElementType, _ shape: Shape?) {
    self.elementType = elementType
    self.shape = shape
  }
  public init(_ elementType: ElementType, _ sizes: [Int]) {
    self.init(elementType, Shape(sizes))
  }
}

extension TensorType: Hashable {
  public static func == (a: TensorType, b: TensorType) -> Bool {
    a.elementType == b.elementType && a.shape == b.shape
  }
  public func hash(into hasher: inout Hasher) {
    hasher.combine(elementType)
    hasher.combine(shape)
  }
}

extension ValueType {
  public static func tensor(_ elementType: ElementType, _ shape: Shape?) -> ValueType {
    ValueType(.tensor(TensorType(elementType, shape)))
  }
  public static func tensor(_ elementType: ElementType, _ sizes: [Int]) -> ValueType {
    ValueType(.tensor(TensorType(elementType, sizes)))
  }
  public static func tensor(_ type: TensorType) -> ValueType { ValueType(.tensor(type)) }
  public static func sequence(_ element: ValueType?) -> ValueType { ValueType(.sequence(element)) }
  public static func optional(_ element: ValueType?) -> ValueType { ValueType(.optional(element)) }

  /// The tensor type, if this is one.
  public var tensorType: TensorType? { if case .tensor(let type) = kind { type } else { nil } }
}

extension TensorType: CustomStringConvertible {
  public var description: String { "\(elementType)\(shape?.description ?? "[…]")" }
}

extension ValueType: CustomStringConvertible {
  public var description: String {
    switch kind {
    case .undefined: "undefined"
    case .tensor(let type): type.description
    case .sparseTensor(let type): "sparse \(type)"
    case .sequence(let element): "sequence(\(element?.description ?? "?"))"
    case .optional(let element): "optional(\(element?.description ?? "?"))"
    case .map(let key, let value): "map(\(key), \(value?.description ?? "?"))"
    case .opaque(let domain, let name): "opaque(\(domain ?? "").\(name ?? ""))"
    }
  }
}
