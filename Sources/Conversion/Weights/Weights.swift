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

  /// The initializers of a model, those of graphs within nodes too, and the tensors of `Constant`
  /// nodes that hold several floating-point numbers, under the names of the values. A name that stands
  /// in several graphs gets that of the node in front.
  /// - Throws: `ConversionError` where one has no name or a name that another has.
  public init(of model: Model) throws(ConversionError) {
    let graph = FlatGraph(model)
    entries = graph.initializers.map { Entry($0.name ?? "", $0.tensor) }
    for tensor in graph.sparse {
      let type = tensor.values.tensor.elementType
      entries.append(
        Entry(tensor.values.name ?? "", type, tensor.shape) { () throws(FormatError) in
          do throws(TensorError) { return try tensor.dense() } catch {
            throw FormatError(.invalid(error.description))
          }
        })
    }
    var names: Set<String> = []
    for entry in entries {
      guard !entry.name.isEmpty else { throw ConversionError("an initializer has no name") }
      guard names.insert(entry.name).inserted else {
        throw ConversionError("two initializers are called \(entry.name.quoted)")
      }
    }
  }

  /// These weights with floating-point numbers of another type, each converted when it is read.
  /// - Parameters:
  ///   - type: `.float64`, `.float32`, `.float16` or `.bfloat16`
  ///   - isKept: names of tensors that stay as they are
  public func converted(
    to type: ElementType, keeping isKept: NamePatterns = NamePatterns([])
  ) -> Weights {
    var result = self
    result.entries = entries.map { entry in
      guard entry.elementType.isFloatingPoint, entry.elementType != type,
        !isKept.contains(entry.name)
      else { return entry }
      return Entry(entry.name, type, entry.shape) { () throws(FormatError) in
        try entry.tensor().converted(to: type)
      }
    }
    return result
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
