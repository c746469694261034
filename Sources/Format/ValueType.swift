/// The type of a value in a graph: the standard's `TypeProto`.
public struct ValueType: Sendable, Hashable {
  /// The kinds of types.
  public indirect enum Kind: Sendable, Hashable {
    /// Nothing is known.
    case undefined
    /// A tensor.
    case tensor(TensorType)
    /// A sparse tensor.
    case sparseTensor(TensorType)
    /// A sequence of values of that type.
    case sequence(ValueType?)
    /// An optional value of that type.
    case optional(ValueType?)
    /// A map with keys and values of these types.
    case map(key: ElementType, value: ValueType?)
    /// A type that is known by its name only.
    case opaque(domain: String?, name: String?)
  }

  /// The kind of the type, with its details.
  public var kind: Kind
  /// The meaning of the value in the standard's terms, such as `IMAGE`.
  public var denotation: String?

  /// Creates a type.
  public init(_ kind: Kind, denotation: String? = nil) {
    self.kind = kind
    self.denotation = denotation
  }
}

/// The element type and shape of a tensor in a graph.
public struct TensorType: Sendable {
  /// The element type.
  public var elementType: ElementType
  /// The shape; `nil` if not even the rank is known.
  public var shape: Shape?
  /// The file states that the element type is undefined, and so does the writer. Types that differ in
  /// this alone are equal.
  var statesUndefined = false

  /// A type whose shape may be unknown, wholly or in part.
  public init(_ elementType: ElementType, _ shape: Shape?) {
    self.elementType = elementType
    self.shape = shape
  }
  /// A type of known sizes.
  public init(_ elementType: ElementType, _ sizes: [Int]) {
    self.init(elementType, Shape(sizes))
  }
}

extension TensorType: Hashable {
  /// Whether element type and shape are equal.
  public static func == (a: TensorType, b: TensorType) -> Bool {
    a.elementType == b.elementType && a.shape == b.shape
  }
  /// Hashes element type and shape.
  public func hash(into hasher: inout Hasher) {
    hasher.combine(elementType)
    hasher.combine(shape)
  }
}

extension ValueType {
  /// A tensor whose shape may be unknown, wholly or in part.
  public static func tensor(_ elementType: ElementType, _ shape: Shape?) -> ValueType {
    ValueType(.tensor(TensorType(elementType, shape)))
  }
  /// A tensor of known sizes.
  public static func tensor(_ elementType: ElementType, _ sizes: [Int]) -> ValueType {
    ValueType(.tensor(TensorType(elementType, sizes)))
  }
  /// A tensor of that type.
  public static func tensor(_ type: TensorType) -> ValueType { ValueType(.tensor(type)) }
  /// A sequence of values of that type.
  public static func sequence(_ element: ValueType?) -> ValueType { ValueType(.sequence(element)) }
  /// An optional value of that type.
  public static func optional(_ element: ValueType?) -> ValueType { ValueType(.optional(element)) }

  /// The tensor type, if the type is one.
  public var tensorType: TensorType? { if case .tensor(let type) = kind { type } else { nil } }
}

extension TensorType: CustomStringConvertible {
  /// The element type and the shape: `float32[N,3,224,224]`.
  public var description: String { "\(elementType)\(shape?.description ?? "[…]")" }
}

extension ValueType: CustomStringConvertible {
  /// The type in one line: `sequence(float32[N])`.
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
