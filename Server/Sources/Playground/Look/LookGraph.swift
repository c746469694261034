import ONNX

/// A model as the page Look draws it. Values have numbers, so that names of any length are sent once and
/// a name in a subgraph refers to the value that it means.
struct LookModel: Encodable {
  let id: String
  let producer: String?
  let doc: String?
  let irVersion: Int64?
  let operatorSets: [String]
  let parameters: Int
  let metadata: [LookText]
  let values: [LookValue]
  /// The graph of the model, then those within nodes, then the bodies of functions.
  let graphs: [LookGraph]
}

/// A name and a text.
struct LookText: Encodable {
  let name: String
  let text: String
}

/// A value: an input, the output of a node, or a constant.
struct LookValue: Encodable {
  let name: String
  var type: String?
  /// The sizes of a tensor: numbers, or names and `?` for those that are open.
  var shape: [LookDimension]?
  var isConstant: Bool?
  /// A constant of one element.
  var number: Float?
}

/// A size of a shape, or the name of one that is open.
enum LookDimension: Encodable {
  case size(Int)
  case open(String)

  func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .size(let size): try container.encode(size)
    case .open(let name): try container.encode(name)
    }
  }
}

/// A graph: its values by number. A left-out input or output is -1.
struct LookGraph: Encodable {
  let title: String
  let doc: String?
  var inputs: [Int] = []
  var outputs: [Int] = []
  var nodes: [LookNode] = []
}

/// A node of a graph.
struct LookNode: Encodable {
  let op: String
  let domain: String?
  let name: String?
  let doc: String?
  let inputs: [Int]
  let outputs: [Int]
  let attributes: [LookText]
  /// The graphs that the node runs, by number: the bodies of control flow or of a function.
  let graphs: [Int]
}

extension String {
  /// The text, or its beginning where it is long.
  func shortened(_ limit: Int = 200) -> String {
    utf8.count <= limit ? self : String(prefix(limit)) + "…"
  }
}

extension LookValue {
  /// A value of a type.
  init(name: String, type: ValueType?) {
    self.name = name.shortened()
    self.type = type.map { $0.description.shortened() }
    shape = type?.tensorType?.shape?.dimensions.map {
      switch $0 {
      case .size(let size): .size(size)
      case .symbol(let name): .open(name.shortened(40))
      case .unknown: .open("?")
      }
    }
  }

  /// A constant. The numbers of small ones are shown in the graph.
  init(name: String, constant tensor: Tensor) {
    self.init(name: name, type: .tensor(tensor.type))
    isConstant = true
    if tensor.count == 1, let value = try? tensor.scalar { number = Float(value) }
  }
}
