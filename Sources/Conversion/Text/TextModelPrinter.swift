import ONNX

extension TextPrinter {
  mutating func print(_ model: Model) {
    put("<\n")
    var isFirst = true
    func key(_ printer: inout TextPrinter, _ word: String) {
      if !isFirst { printer.put(",\n") }
      isFirst = false
      printer.put("   \(word): ")
    }
    if let version = model.irVersion {
      key(&self, "ir_version")
      put("\(version)")
    }
    key(&self, "opset_import")
    put(model.operatorSets, separator: ", ")
    for (word, text) in [
      ("producer_name", model.producerName), ("producer_version", model.producerVersion),
      ("domain", model.domain),
    ] {
      guard let text else { continue }
      key(&self, word)
      put(quoted: text)
    }
    if let version = model.modelVersion {
      key(&self, "model_version")
      put("\(version)")
    }
    if let text = model.docString {
      key(&self, "doc_string")
      put(quoted: text)
    }
    if !model.metadata.isEmpty {
      key(&self, "metadata_props")
      put(model.metadata, "[", ", ", "]") { (printer, entry) in
        printer.put(quoted: entry.key)
        printer.put(": ")
        printer.put(quoted: entry.value)
      }
    }
    put("\n>\n")
    lose("training information", !model.trainingInfos.isEmpty, "model", model.graph.name)
    lose("device configurations", !model.deviceConfigurations.isEmpty, "model", model.graph.name)
    print(model.graph)
    for function in model.functions {
      put("\n")
      print(function)
    }
  }

  private mutating func put(_ sets: [OperatorSetImport], separator: String) {
    put(sets, "[", separator, "]") { (printer, set) in
      printer.put(quoted: set.domain ?? "")
      printer.put(" : \(set.version)")
    }
  }

  private mutating func print(_ function: Function) {
    put("<\n  domain: ")
    put(quoted: function.domain ?? "")
    if let overload = function.overload, !overload.isEmpty {
      put(",\n  overload: ")
      put(quoted: overload)
    }
    put(",\n  opset_import: ")
    put(function.operatorSets, separator: ",")
    if let text = function.docString, !text.isEmpty {
      put(",\n  doc_string: ")
      put(quoted: text)
    }
    put("\n>\n")
    put(name: function.name)
    put(" ")
    if !function.attributes.isEmpty || !function.attributeDefaults.isEmpty {
      put(function.attributes, "<", ",", "") { $0.put(name: $1) }
      var isFirst = function.attributes.isEmpty
      for attribute in function.attributeDefaults where canHold(attribute, of: function.name) {
        if !isFirst { put(",") }
        isFirst = false
        print(attribute)
      }
      put(">")
    }
    put(names: function.inputs, "(", ")")
    put(" => ")
    put(names: function.outputs, "(", ")")
    put("\n")
    if !function.valueInfos.isEmpty {
      put(function.valueInfos, "<", ", ", ">\n") { $0.print($1) }
    }
    lose("metadata", !function.metadata.isEmpty, "function", function.name)
    print(function.nodes)
  }

  mutating func print(_ graph: Graph) {
    put(name: graph.name ?? "")
    put(" ")
    put(graph.inputs, "(", ", ", ")") { $0.print($1) }
    put(" => ")
    put(graph.outputs, "(", ", ", ")") { $0.print($1) }
    put(" ")
    if !graph.initializers.isEmpty || !graph.valueInfos.isEmpty {
      put("\n")
      put(spaces: indentation)
      put(graph.initializers, "<", ", ", "") { $0.print($1, isInitializer: true) }
      let separator = graph.initializers.isEmpty ? "" : ", "
      if !graph.valueInfos.isEmpty { put(separator) }
      put(graph.valueInfos, "", ", ", ">\n") { $0.print($1) }
    }
    let name = graph.name
    lose("doc string", graph.docString?.isEmpty == false, "graph", name)
    lose("metadata", !graph.metadata.isEmpty, "graph", name)
    lose("sparse initializers", !graph.sparseInitializers.isEmpty, "graph", name)
    lose("quantization annotations", !graph.quantizationAnnotations.isEmpty, "graph", name)
    print(graph.nodes)
  }

  private mutating func print(_ nodes: [Node]) {
    put("{\n")
    for node in nodes { print(node) }
    if indentation > 3 { put(spaces: indentation - 3) }
    put("}")
  }

  private mutating func print(_ node: Node) {
    put(spaces: indentation)
    if let name = node.name {
      put("[")
      put(name: name)
      put("] ")
    }
    put(names: node.outputs, "", "")
    put(" = ")
    if let domain = node.domain, !domain.isEmpty {
      let words = domain.split(separator: ".", omittingEmptySubsequences: false)
      if words.allSatisfy({ TextNames.isWord(String($0)) }) {
        put(domain)
      } else {
        put(word: domain, of: "domain")
      }
      put(".")
    }
    put(word: node.operatorType, of: "operator")
    if let overload = node.overload, !overload.isEmpty {
      put(":")
      put(word: overload, of: "overload")
    }
    let place = node.name.flatMap { $0.isEmpty ? nil : $0 } ?? node.outputs.first
    let attributes = node.attributes.filter { canHold($0, of: place) }
    let hasGraph = attributes.contains { $0.hasGraph }
    if !hasGraph { print(attributes) }
    put(names: node.inputs, " (", ")")
    if hasGraph { print(attributes) }
    put("\n")
    lose("doc string", node.docString?.isEmpty == false, "node", place)
    lose("metadata", !node.metadata.isEmpty, "node", place)
    lose("device configurations", !node.deviceConfigurations.isEmpty, "node", place)
  }

  private mutating func print(_ attributes: [Attribute]) {
    if attributes.isEmpty { return }
    put(attributes, " <", ", ", ">") { $0.print($1) }
  }
}

extension Attribute {
  fileprivate var hasGraph: Bool {
    switch value {
    case .graph: true
    case .graphs(let graphs): !graphs.isEmpty
    default: false
    }
  }
}
