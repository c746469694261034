import ONNXFormat

/// Builds a graph: adds nodes and constants, and gives their values unique names.
///
/// Values are referred to by their names. Standard nodes follow the rules of operator set
/// `GraphBuilder.operatorSet`, whichever one the model imports.
public struct GraphBuilder: Sendable {
  /// The operator set of `ai.onnx` that standard nodes follow.
  public static let operatorSet = 20

  /// The nodes added so far.
  public private(set) var nodes: [Node] = []
  /// The constants added so far.
  public private(set) var initializers: [NamedTensor] = []
  private var names: Set<String>
  private var counts: [String: Int] = [:]
  private var scalars: [Scalar: String] = [:]

  private struct Scalar: Hashable {
    let value: Double
    let type: ElementType
  }

  /// A builder without nodes.
  /// - Parameter taken: names that new values must not have
  public init(taken: Set<String> = []) { names = taken }

  /// Reserves an unused name: `hint`, or else `hint_1`, `hint_2`…
  public mutating func unique(_ hint: String) -> String {
    var name = hint
    while !names.insert(name).inserted {
      let count = counts[hint, default: 0] + 1
      counts[hint] = count
      name = "\(hint)_\(count)"
    }
    return name
  }

  /// Adds a node with one output, and returns the name of the output.
  ///
  /// - Parameters:
  ///   - operatorType: the operator
  ///   - inputs: names of values; empty for an input that is left out
  ///   - attributes: the attributes of the node
  ///   - domain: the domain of the operator; `nil` for `ai.onnx`
  ///   - operatorSet: the version of the domain that the node follows; `nil` for
  ///     `GraphBuilder.operatorSet`, or 1 in the private domain
  ///   - hint: the preferred name of the output; `nil` for the lowercase name of the operator
  @discardableResult
  public mutating func node(
    _ operatorType: String, _ inputs: [String], _ attributes: [Attribute] = [],
    domain: String? = nil, operatorSet: Int? = nil, hint: String? = nil
  ) -> String {
    nodes(
      operatorType, inputs, attributes, outputs: [hint ?? operatorType.lowercased()],
      domain: domain, operatorSet: operatorSet)[0]
  }

  /// Adds a node with several outputs, and returns their names.
  /// - Parameters:
  ///   - operatorType: the operator
  ///   - inputs: names of values; empty for an input that is left out
  ///   - attributes: the attributes of the node
  ///   - outputs: the preferred name of each output; empty for an output that is left out
  ///   - domain: the domain of the operator; `nil` for `ai.onnx`
  ///   - operatorSet: the version of the domain that the node follows; `nil` for
  ///     `GraphBuilder.operatorSet`, or 1 in the private domain
  @discardableResult
  public mutating func nodes(
    _ operatorType: String, _ inputs: [String], _ attributes: [Attribute] = [],
    outputs: [String], domain: String? = nil, operatorSet: Int? = nil
  ) -> [String] {
    let names = outputs.map { $0.isEmpty ? "" : unique($0) }
    var given = inputs
    while given.last == "" { given.removeLast() }
    var node = Node(
      operatorType, domain: domain, name: names.first { !$0.isEmpty }.map { "\($0)" },
      inputs: given, outputs: names, attributes: attributes)
    node.operatorSetVersion =
      operatorSet ?? (domain == Registry.privateDomain ? 1 : Self.operatorSet)
    nodes.append(node)
    return names
  }

  /// Adds a node of the private domain with one output, and returns the name of the output.
  public mutating func privateNode(
    _ operatorType: String, _ inputs: [String], _ attributes: [Attribute] = [],
    hint: String? = nil
  ) -> String {
    node(operatorType, inputs, attributes, domain: Registry.privateDomain, hint: hint)
  }

  /// Adds a node without changing it.
  public mutating func append(_ node: Node) { nodes.append(node) }

  /// Adds a constant, and returns its name.
  public mutating func constant(_ tensor: Tensor, hint: String = "constant") -> String {
    let name = unique(hint)
    initializers.append(NamedTensor(name, tensor))
    return name
  }

  /// The name of a floating-point scalar constant. Equal constants are added once.
  public mutating func scalar(_ value: Double, _ type: ElementType) -> String {
    let key = Scalar(value: value, type: type)
    if let name = scalars[key] { return name }
    let tensor: Tensor =
      switch type {
      case .float64: Tensor(value)
      case .float16: Tensor(Float16(value))
      case .bfloat16: Tensor(BFloat16(Float(value)))
      default: Tensor(Float(value))
      }
    let name = constant(tensor, hint: "scalar")
    scalars[key] = name
    return name
  }

  /// Adds an int64 constant of rank 1, and returns its name.
  public mutating func integers(_ values: [Int]) -> String {
    constant(Tensor(shape: [values.count], values.map(Int64.init)), hint: "integers")
  }
}

/// Standard operators that gradients, losses, updates and layers are built from. Each function adds a
/// node and returns the name of its output.
extension GraphBuilder {
  /// `a + b`, broadcast.
  public mutating func add(_ a: String, _ b: String) -> String { node("Add", [a, b]) }
  /// `a − b`, broadcast.
  public mutating func sub(_ a: String, _ b: String) -> String { node("Sub", [a, b]) }
  /// `a · b` for each pair of elements, broadcast.
  public mutating func mul(_ a: String, _ b: String) -> String { node("Mul", [a, b]) }
  /// `a / b`, broadcast.
  public mutating func div(_ a: String, _ b: String) -> String { node("Div", [a, b]) }
  /// `−x`.
  public mutating func neg(_ x: String) -> String { node("Neg", [x]) }
  /// The square root of each element.
  public mutating func sqrt(_ x: String) -> String { node("Sqrt", [x]) }
  /// The matrix product, as `MatMul` defines it for all ranks.
  public mutating func matMul(_ a: String, _ b: String) -> String { node("MatMul", [a, b]) }
  /// The shape, an int64 tensor of rank 1.
  public mutating func shape(of x: String) -> String { node("Shape", [x]) }

  /// The sum of at least one value, all of the same shape.
  public mutating func sum(_ values: [String]) -> String {
    values.count == 1 ? values[0] : node(values.count == 2 ? "Add" : "Sum", values)
  }

  /// The sum over some axes, or over all axes for `nil`.
  public mutating func reduceSum(
    _ x: String, axes: [Int]? = nil, keepAxes: Bool = true
  ) -> String {
    node(
      "ReduceSum", axes.map { [x, integers($0)] } ?? [x],
      [.int("keepdims", keepAxes ? 1 : 0)])
  }

  /// `x` with its axes permuted: axis `i` of the result is axis `permutation[i]` of `x`.
  public mutating func transpose(_ x: String, _ permutation: [Int]) -> String {
    node("Transpose", [x], [.ints("perm", permutation)])
  }

  /// `x` in the shape that the int64 tensor `shape` holds.
  public mutating func reshape(_ x: String, to shape: String) -> String {
    node("Reshape", [x, shape], [.int("allowzero", 1)])
  }

  /// `x` converted to an element type.
  public mutating func cast(_ x: String, to type: ElementType) -> String {
    node("Cast", [x], [.int("to", Int(type.rawValue))])
  }

  /// The product of two matrices, each of which may be transposed.
  public mutating func gemm(
    _ a: String, _ b: String, transposeA: Bool = false, transposeB: Bool = false
  ) -> String {
    var attributes: [Attribute] = []
    if transposeA { attributes.append(.int("transA", 1)) }
    if transposeB { attributes.append(.int("transB", 1)) }
    return node("Gemm", [a, b], attributes)
  }
}

extension GraphBuilder {
  /// Zeros in the shape of another value. `type` must be a floating-point type.
  package mutating func zeros(like value: String, _ type: ElementType) -> String {
    let zero: Tensor =
      switch type {
      case .float64: Tensor(shape: [1], [0 as Double])
      case .float16: Tensor(shape: [1], [0 as Float16])
      case .bfloat16: Tensor(shape: [1], [BFloat16(0)])
      default: Tensor(shape: [1], [0 as Float])
      }
    return node("ConstantOfShape", [shape(of: value)], [.tensor("value", zero)])
  }
}
