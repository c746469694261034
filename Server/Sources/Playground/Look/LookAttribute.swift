import ONNX

extension LookText {
  /// An attribute as text, long lists by their beginning.
  init(_ attribute: Attribute) {
    name = attribute.name.shortened(60)
    text =
      switch attribute.value {
      case .float(let value): "\(value)"
      case .int(let value): "\(value)"
      case .string(let value): "\"\(value.string.shortened())\""
      case .floats(let list): Self.list(list) { "\($0)" }
      case .ints(let list): Self.list(list) { "\($0)" }
      case .strings(let list): Self.list(list) { "\"\($0.string.shortened(40))\"" }
      case .tensor(let tensor): Self.text(tensor.tensor)
      case .tensors(let list): Self.list(list) { $0.tensor.type.description }
      case .graph(let graph): "a graph of \(graph.nodes.count) nodes"
      case .graphs(let list): "\(list.count) graphs"
      case .sparseTensor(let tensor): "sparse \(tensor.shape)"
      case .sparseTensors(let list): "\(list.count) sparse tensors"
      case .type(let type): type.description.shortened()
      case .types(let list): Self.list(list) { $0.description.shortened(60) }
      case .reference(let name, _): "the function's \(name.shortened(60))"
      }
  }

  private static func list<T>(_ list: [T], _ text: (T) -> String) -> String {
    let most = 24
    let parts = list.prefix(most).map(text) + (list.count > most ? ["… (\(list.count))"] : [])
    return "[" + parts.joined(separator: ", ") + "]"
  }

  private static func text(_ tensor: Tensor) -> String {
    guard tensor.count <= 24, let numbers = try? tensor.floats else {
      return tensor.type.description
    }
    return
      "\(tensor.type) \(list(numbers) { $0 == $0.rounded() ? "\(Int64(clamping: $0))" : "\($0)" })"
  }
}

extension Int64 {
  /// The nearest integer; 0 for a NaN.
  fileprivate init(clamping value: Float) {
    self = Int64(exactly: value.rounded()) ?? (value > 0 ? .max : value < 0 ? .min : 0)
  }
}

extension Attribute {
  /// The tensor of a `Constant` node with this attribute.
  var constant: Tensor? {
    switch value {
    case .tensor(let tensor): tensor.tensor
    case .float(let number): Tensor(number)
    case .int(let number): Tensor(number)
    case .floats(let list): Tensor(shape: [list.count], list)
    case .ints(let list): Tensor(shape: [list.count], list)
    default: nil
    }
  }
}
