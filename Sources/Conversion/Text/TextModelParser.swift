import ONNX

extension TextParser {
  /// The whole text: a header, the graph, and functions.
  mutating func model() throws(ConversionError) -> Model {
    var model = Model(graph: Graph(), operatorSets: [])
    model.irVersion = nil
    try header { (parser, word, start) throws(ConversionError) in
      switch word {
      case "ir_version": model.irVersion = try parser.scanner.integer()
      case "opset_import": model.operatorSets = try parser.operatorSets()
      case "producer_name": model.producerName = try parser.scanner.quotedText()
      case "producer_version": model.producerVersion = try parser.scanner.quotedText()
      case "domain": model.domain = try parser.scanner.quotedText()
      case "model_version": model.modelVersion = try parser.scanner.integer()
      case "doc_string": model.docString = try parser.scanner.quotedText()
      case "metadata_props": model.metadata = try parser.entries()
      default: throw parser.scanner.error("a model has no \(word.quoted)", at: start)
      }
    }
    model.graph = try graph(named: try scanner.name())
    while !scanner.isAtEnd { model.functions.append(try function()) }
    return model
  }

  /// An optional header `<word: value, …>`. `read` parses the value of each word.
  private mutating func header(
    _ read: (inout TextParser, String, Int) throws(ConversionError) -> Void
  ) throws(ConversionError) {
    guard scanner.take("<") else { return }
    repeat {
      let start = scanner.place()
      let word = scanner.word()
      guard !word.isEmpty else { throw scanner.error("expected a word, found \(scanner.found())") }
      try scanner.expect(":")
      try read(&self, word, start)
    } while scanner.take(",")
    try scanner.expect(">")
  }

  private mutating func operatorSets() throws(ConversionError) -> [OperatorSetImport] {
    try list("[", "]") { (parser) throws(ConversionError) in
      try parser.take(MemoryLayout<OperatorSetImport>.stride)
      let domain = try parser.scanner.quotedText()
      try parser.scanner.expect(":")
      return OperatorSetImport(domain: domain, version: try parser.scanner.integer())
    }
  }

  private mutating func function() throws(ConversionError) -> Function {
    try take(MemoryLayout<Function>.stride)
    var function = Function("", domain: nil, inputs: [], outputs: [], nodes: [])
    try header { (parser, word, start) throws(ConversionError) in
      switch word {
      case "opset_import": function.operatorSets = try parser.operatorSets()
      case "doc_string": function.docString = try parser.scanner.quotedText()
      case "domain": function.domain = try parser.scanner.quotedText()
      case "overload": function.overload = try parser.scanner.quotedText()
      default: throw parser.scanner.error("a function has no \(word.quoted)", at: start)
      }
    }
    function.name = try scanner.name()
    if scanner.take("<") {
      repeat {
        let name = try scanner.name()
        let next = scanner.peek()
        if next == ":", scanner.takeLoneKind() {
          // A kind without a value: every call gives one.
          try take(MemoryLayout<String>.stride)
          function.attributes.append(name)
        } else if next == ":" || next == "=" {
          function.attributeDefaults.append(try attribute(name))
        } else {
          try take(MemoryLayout<String>.stride)
          function.attributes.append(name)
        }
      } while scanner.take(",")
      try scanner.expect(">")
    }
    function.inputs = try functionValues(&function.valueInfos)
    try scanner.expectArrow()
    function.outputs = try functionValues(&function.valueInfos)
    if scanner.peek() == "<" {
      function.valueInfos += try list("<", ">") { (parser) throws(ConversionError) in
        try parser.valueInfo()
      }
    }
    function.nodes = try nodes()
    return function
  }

  /// Names, some with a type. The types are appended to `infos`.
  private mutating func functionValues(
    _ infos: inout [ValueInfo]
  ) throws(ConversionError) -> [String] {
    let values = try list("(", ")") { (parser) throws(ConversionError) in
      try parser.valueInfo()
    }
    infos += values.filter { $0.type != nil }
    return values.map(\.name)
  }
}

extension TextScanner {
  /// Skips `: kind` if no value follows.
  fileprivate mutating func takeLoneKind() -> Bool {
    let start = position
    if take(":"), TextNames.kindNumber(word()) != nil, [",", ">"].contains(peek()) { return true }
    position = start
    return false
  }
}
