import ONNXFormat

/// Collects the nodes and constants of a graph that is being made, and names their values.
///
/// Values are named by strings, as in the graph. The standard's nodes made here follow the rules of
/// operator set `GraphBuilder.operatorSet`, whatever the model around them imports.
public struct GraphBuilder: Sendable {
  /// The operator set of `ai.onnx` that the nodes made here mean.
  public static let operatorSet = 20

  public private(set) var nodes: [Node] = []
  public private(set) var initializers: [NamedTensor] = []
  private var names: Set<String>
  private var counts: [String: Int] = [:]
  private var scalars: [Scalar: String] = [:]

  private struct Scalar: Hashable {
    let value: Double
    let type: ElementType
  }

  /// - Parameter taken: names that must not be given to new values
  public init(taken: Set<String> = []) { names = taken }

  /// A name that nothing has yet: `hint`, or `hint_1`, `hint_2`…
  public mutating func unique(_ hint: String) -> String {
    var name = hint
    while !names.insert(name).inserted {
      let count = counts[hint, default: 0] + 1
      counts[hint] = count
      name = "\(hint)_\(count)"
    }
    return name
  }

  /// Adds a node with one output, and returns that output's name.
  /// - Parameters:
  ///   - inputs: names; empty for one left out, and such at the end are dropped
  ///   - domain: `nil` for the standard's own
  ///   - operatorSet: the version whose rules hold, where not those of `GraphBuilder.operatorSet`
  ///   - hint: what the output is called if nothing else is; else the operator's name
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
  /// - Parameter outputs: a hint for each output's name; empty for one left out
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

  /// Adds a node of this package's own domain.
  public mutating func privateNode(
    _ operatorType: String, _ inputs: [String], _ attributes: [Attribute] = [],
    hint: String? = nil
  ) -> String {
    node(operatorType, inputs, attributes, domain: Registry.privateDomain, hint: hint)
  }

  /// Adds a node as it is.
  public mutating func append(_ node: Node) { nodes.append(node) }

  /// Adds an initializer under a new name, and returns that.
  public mutating func constant(_ tensor: Tensor, hint: String = "constant") -> String {
    let name = unique(hint)
    initializers.append(NamedTensor(name, tensor))
    return name
  }

  /// A scalar constant of a floating-point type; equal ones are one.
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

  /// A list of int64 as a constant.
  public mutating func integers(_ values: [Int]) -> String {
    constant(Tensor(shape: [values.count], values.map(Int64.init)), hint: "integers")
  }
}

/// The standard's operators that gradients, losses, updates and layers are put together from.
extension GraphBuilder {
  public mutating func add(_ a: String, _ b: String) -> String { node("Add", [a, b]) }
  public mutating func sub(_ a: String, _ b: String) -> String { node("Sub", [a, b]) }
  public mutating func mul(_ a: String, _ b: String) -> String { node("Mul", [a, b]) }
  public mutating func div(_ a: String, _ b: String) -> String { node("Div", [a, b]) }
  public mutating func neg(_ x: String) -> String { node("Neg", [x]) }
  public mutating func sqrt(_ x: String) -> String { node("Sqrt", [x]) }
  public mutating func matMul(_ a: String, _ b: String) -> String { node("MatMul", [a, b]) }
  public mutating func shape(of x: String) -> String { node("Shape", [x]) }

  /// The sum of one value or more, all of one shape.
  public mutating func sum(_ values: [String]) -> String {
    values.count == 1 ? values[0] : node(values.count == 2 ? "Add" : "Sum", values)
  }

  /// The sum over some axes, or over all where none are given.
  public mutating func reduceSum(
    _ x: String, axes: [Int]? = nil, keepAxes: Bool = true
  ) -> String {
    node(
      "ReduceSum", axes.map { [x, integers($0)] } ?? [x],
      [.int("keepdims", keepAxes ? 1 : 0)])
  }

  public mutating func transpose(_ x: String, _ permutation: [Int]) -> String {
    node("Transpose", [x], [.ints("perm", permutation)])
  }

  /// `x` with the elements it has, in the shape that the int64 tensor `shape` holds.
  public mutating func reshape(_ x: String, to shape: String) -> String {
    node("Reshape", [x, shape], [.int("allowzero", 1)])
  }

  public mutating func cast(_ x: String, to type: ElementType) -> String {
    node("Cast", [x], [.int("to", Int(type.rawValue))])
  }

  /// `α · op(a) · op(b)` of matrices.
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
  /// Zeros in the shape of another value.
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
