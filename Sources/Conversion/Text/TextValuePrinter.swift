import ONNX

extension TextPrinter {
  mutating func print(_ info: ValueInfo) {
    if let type = info.type, type.kind != .undefined {
      if type.fitsText {
        print(type)
      } else {
        warn("type omitted", "value", info.name)
      }
      if type.hasDenotations { warn("denotations omitted", "value", info.name) }
    }
    put(" ")
    put(name: info.name)
    lose("doc string", info.docString?.isEmpty == false, "value", info.name)
    lose("metadata", !info.metadata.isEmpty, "value", info.name)
  }

  /// - Precondition: `type.fitsText`
  mutating func print(_ type: ValueType) {
    switch type.kind {
    case .undefined: break
    case .tensor(let type): print(type)
    case .sparseTensor(let type):
      put("sparse_tensor(")
      print(type)
      put(")")
    case .sequence(let element):
      put("seq(")
      if let element { print(element) }
      put(")")
    case .optional(let element):
      put("optional(")
      if let element { print(element) }
      put(")")
    case .map(let key, let value):
      put("map(\(TextNames.name(of: key) ?? ""), ")
      if let value { print(value) }
      put(")")
    case .opaque(let domain, let name):
      put("opaque(")
      if let domain, !domain.isEmpty { put("\(domain),") }
      put("\(name ?? ""))")
    }
  }

  private mutating func print(_ type: TensorType) {
    put(TextNames.name(of: type.elementType) ?? "")
    guard let shape = type.shape else { return put("[]") }
    if shape.isEmpty { return }
    put(shape, "[", ",", "]") { (printer, dimension) in
      switch dimension {
      case .size(let size): printer.put("\(size)")
      case .symbol(let name) where TextNames.isWord(name): printer.put(name)
      case .symbol(let name): printer.put(quoted: name)
      case .unknown: printer.put("?")
      }
    }
  }

  /// Whether the syntax has a form for the attribute's value. Records the loss if it has none.
  mutating func canHold(_ attribute: Attribute, of place: String?) -> Bool {
    lose("doc string of an attribute", attribute.docString?.isEmpty == false, "node", place)
    let fits =
      switch attribute.value {
      case .sparseTensor: false
      case .sparseTensors(let list): list.isEmpty
      case .type(let type): type.fitsText && type.kind != .undefined
      case .types(let types): types.allSatisfy { $0.fitsText && $0.kind != .undefined }
      default: true
      }
    lose("attribute \(attribute.name.quoted)", !fits, "node", place)
    return fits
  }

  /// - Precondition: `canHold`
  mutating func print(_ attribute: Attribute) {
    put(word: attribute.name, of: "attribute")
    if let kind = TextNames.kindName(attribute.value.number) { put(": \(kind)") }
    put(" = ")
    func noteList(_ count: Int, _ what: String, in printer: inout TextPrinter) {
      if count > 0 { printer.warn("onnx.parser skips its \(what)", "attribute", attribute.name) }
    }
    switch attribute.value {
    case .float(let value): put(shortestText(value))
    case .int(let value): put("\(value)")
    case .string(let value): put(quoted: value.bytes)
    case .tensor(let tensor): print(tensor, isInitializer: false)
    case .graph(let graph): printNested(graph)
    case .type(let type): print(type)
    case .floats(let values): put(values, "[", ", ", "]") { $0.put(shortestText($1)) }
    case .ints(let values): put(values, "[", ", ", "]") { $0.put("\($1)") }
    case .strings(let values): put(values, "[", ", ", "]") { $0.put(quoted: $1.bytes) }
    case .tensors(let tensors):
      noteList(tensors.count, "tensors", in: &self)
      put(tensors, "[", ", ", "]") { $0.print($1, isInitializer: false) }
    case .graphs(let graphs):
      noteList(graphs.count, "graphs", in: &self)
      put(graphs, "[", ", ", "]") { $0.printNested($1) }
    case .types(let types):
      noteList(types.count, "types", in: &self)
      put(types, "[", ", ", "]") { $0.print($1) }
    case .reference(let name, _):
      put("@")
      put(name: name)
    case .sparseTensor, .sparseTensors: put("[]")
    }
  }

  private mutating func printNested(_ graph: Graph) {
    if !TextNames.isWord(graph.name ?? "") {
      warn("onnx.parser cannot read the name of a graph in an attribute", "graph", graph.name)
    }
    indentation += 3
    print(graph)
    indentation -= 3
  }
}

extension ValueType {
  /// Whether the syntax has a form for the type.
  var fitsText: Bool {
    switch kind {
    case .undefined: true
    case .tensor(let type), .sparseTensor(let type): type.elementType != .undefined
    case .sequence(let element), .optional(let element): element?.fitsWithin == true
    case .map(let key, let value): key != .undefined && value?.fitsWithin == true
    case .opaque(let domain, let name):
      (domain ?? "").isDotted && (name ?? "").isDotted
        && (domain?.isEmpty != false || TextNames.isWord(name ?? ""))
    }
  }

  private var fitsWithin: Bool { kind != .undefined && fitsText }

  var hasDenotations: Bool {
    if denotation?.isEmpty == false { return true }
    switch kind {
    case .tensor(let type), .sparseTensor(let type): return type.shape?.denotations != nil
    case .sequence(let element), .optional(let element), .map(_, let element):
      return element?.hasDenotations == true
    case .undefined, .opaque: return false
    }
  }
}

extension String {
  /// Whether the text is empty or consists of words separated by dots.
  fileprivate var isDotted: Bool {
    isEmpty
      || split(separator: ".", omittingEmptySubsequences: false)
        .allSatisfy { TextNames.isWord(String($0)) }
  }
}
