import ONNX

/// An ordered list of named tensors, as a checkpoint holds them. A tensor is read when it is asked
/// for, so a file may be larger than memory.
public struct Weights: Sendable {
  /// A named tensor that is in memory or in a file.
  public struct Entry: Sendable {
    /// The name, such as `layer1.0.conv1.weight`.
    public var name: String
    /// The type of the elements.
    public let elementType: ElementType
    /// The sizes of the dimensions.
    public let shape: [Int]
    private let read: @Sendable () throws(FormatError) -> Tensor

    /// A tensor that is read when it is asked for.
    /// - Parameters:
    ///   - name: the name of the tensor
    ///   - elementType: the type of the elements
    ///   - shape: the sizes of the dimensions
    ///   - read: returns a tensor of that type and shape each time it is called
    public init(
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
    /// - Throws: `FormatError` with the tensor's name
    public func tensor() throws(FormatError) -> Tensor {
      do throws(FormatError) { return try read() } catch {
        throw error.within("tensor \(name.quoted)")
      }
    }
  }

  /// The convention that the shapes of the weights follow.
  public enum Layout: Sendable {
    /// PyTorch's: the weight of a linear layer is `[outputs, inputs]`, and gates are in PyTorch's
    /// order.
    case pyTorch
    /// Keras': kernels are `[height, width, inputs, outputs]` and `[inputs, outputs]`; see
    /// `inModules()`.
    case keras
    /// The file does not state it.
    case unknown
  }

  /// The tensors, in the order of the file.
  public var entries: [Entry]
  /// Strings that the file holds besides the tensors.
  public var metadata: [MetadataEntry] = []
  /// The convention of the shapes; by default unknown.
  public var layout = Layout.unknown
  /// The names of Keras 3's layers, by the paths of their groups.
  var layerNames: [String: String] = [:]
  /// Whether weights of Keras have the names and layouts of PyTorch's modules.
  var isInModules = false
  /// The GRUs of Keras that apply the reset gate before the recurrent weights, by module. Modules whose
  /// weights do not tell are missing.
  var resetsBefore: [String: Bool] = [:]
  /// The ε of Keras' normalizations, by layer.
  var epsilons: [String: Double] = [:]

  /// A list of tensors.
  /// - Parameter entries: tensors with different names, in the order in which they are written
  public init(_ entries: [Entry]) { self.entries = entries }

  /// The weights of a model: its initializers, and the tensors of `Constant` nodes with more than one
  /// floating-point element, those of subgraphs and functions included. A name that appears in several
  /// graphs is prefixed with the name of the node, as in `choice/else_branch/fc.weight`.
  /// - Throws: `ConversionError` where an initializer has no name or shares it with another
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
        throw ConversionError("two initializers have the name \(entry.name.quoted)")
      }
    }
  }

  /// The weights with floating-point tensors converted to another type, each when it is read.
  /// - Parameters:
  ///   - type: `.float64`, `.float32`, `.float16` or `.bfloat16`
  ///   - isKept: names of tensors that are not converted
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

  /// - Throws: `FormatError` where two tensors have the same name
  func checkNames() throws(FormatError) {
    var names: Set<String> = []
    for entry in entries where !names.insert(entry.name).inserted {
      throw FormatError(.invalid("two tensors have the name \(entry.name.quoted)"))
    }
  }
}

extension ElementType {
  /// Whether the elements are real floating-point numbers, of any width.
  var isFloatingPoint: Bool {
    switch self {
    case .float16, .float32, .float64, .bfloat16, .float8e4m3fn, .float8e4m3fnuz, .float8e5m2,
      .float8e5m2fnuz, .float8e8m0, .float4e2m1, .float6e2m3, .float6e3m2:
      true
    default: false
    }
  }
}
