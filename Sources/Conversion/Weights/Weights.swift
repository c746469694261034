import ONNXFormat

/// Named tensors in an order, as a checkpoint holds them. A tensor is read when it is asked for, so
/// that a file larger than memory can be gone through.
public struct Weights: Sendable {
  /// A tensor of the file.
  public struct Entry: Sendable {
    public var name: String
    public let elementType: ElementType
    /// Sizes of the dimensions.
    public let shape: [Int]
    private let read: @Sendable () throws(FormatError) -> Tensor

    /// - Parameter read: gives the tensor, each time it is called
    init(
      _ name: String, _ elementType: ElementType, _ shape: [Int],
      read: @escaping @Sendable () throws(FormatError) -> Tensor
    ) {
      self.name = name
      self.elementType = elementType
      self.shape = shape
      self.read = read
    }

    /// A tensor that is in memory.
    public init(_ name: String, _ tensor: Tensor) {
      self.init(name, tensor.elementType, tensor.shape) { tensor }
    }

    /// Reads the tensor.
    /// - Throws: `FormatError` with the tensor's name.
    public func tensor() throws(FormatError) -> Tensor {
      do throws(FormatError) { return try read() } catch {
        throw error.within("tensor \(name.quoted)")
      }
    }
  }

  /// Whose conventions the shapes of the weights follow.
  public enum Layout: Sendable {
    /// A linear layer's weight is `[outputs, inputs]`, gates are in PyTorch's order.
    case pyTorch
    /// The file does not say.
    case unknown
  }

  public var entries: [Entry]
  public var metadata: [MetadataEntry] = []
  public var layout = Layout.unknown

  public init(_ entries: [Entry]) { self.entries = entries }

  /// The initializers of a model's graph, under their names.
  /// - Throws: `ConversionError` where one has no name or a name that another has.
  public init(of model: Model) throws(ConversionError) {
    var names: Set<String> = []
    entries = []
    for initializer in model.graph.initializers {
      guard let name = initializer.name, !name.isEmpty else {
        throw ConversionError("an initializer has no name")
      }
      guard names.insert(name).inserted else {
        throw ConversionError("two initializers are called \(name.quoted)")
      }
      entries.append(Entry(name, initializer.tensor))
    }
  }

  /// - Throws: `FormatError` where two tensors have the same name.
  func checkNames() throws(FormatError) {
    var names: Set<String> = []
    for entry in entries where !names.insert(entry.name).inserted {
      throw FormatError(.invalid("there are two tensors called \(entry.name.quoted)"))
    }
  }
}

/// Calls `body`, with the path in front of the error it throws.
func inFile<R>(_ path: String, _ body: () throws(FormatError) -> R) throws(FormatError) -> R {
  do throws(FormatError) { return try body() } catch {
    throw error.context.first == path ? error : error.within(path)
  }
}

extension ElementType {
  /// Whether the elements are real numbers with a fraction.
  var isFloatingPoint: Bool {
    switch self {
    case .float16, .float32, .float64, .bfloat16, .float8e4m3fn, .float8e4m3fnuz, .float8e5m2,
      .float8e5m2fnuz, .float8e8m0, .float4e2m1, .float6e2m3, .float6e3m2:
      true
    default: false
    }
  }
}
