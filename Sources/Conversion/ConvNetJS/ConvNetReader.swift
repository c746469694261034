import ONNXSupport

/// Reads the layers of a ConvNetJS network. What is kept is bounded by the length of the text.
enum ConvNetReader {
  /// Far more than any network has; each takes memory for a node.
  private static let mostLayers = 1000

  static func layers(_ bytes: [UInt8]) throws(ConversionError) -> [ConvNetLayer] {
    var scanner = JSONScanner(bytes)
    var layers: [ConvNetLayer]?
    try scanner.members { (scanner, key) throws(ConversionError) in
      guard key == "layers" else { return try scanner.skipValue() }
      guard layers == nil else { throw scanner.error("the object has 'layers' twice") }
      var list: [ConvNetLayer] = []
      try scanner.elements { (scanner) throws(ConversionError) in
        guard list.count < mostLayers else {
          throw scanner.error("the network has more than \(mostLayers) layers")
        }
        list.append(try layer(&scanner))
      }
      layers = list
    }
    try scanner.expectEnd()
    guard let layers else {
      throw ConversionError("not a ConvNetJS network: the object has no 'layers'")
    }
    return layers
  }

  private static func layer(_ scanner: inout JSONScanner) throws(ConversionError) -> ConvNetLayer {
    var layer = ConvNetLayer()
    let start = scanner.place()
    try scanner.members { (scanner, key) throws(ConversionError) in
      switch key {
      case "layer_type":
        layer.type = String(decoding: try scanner.string(), as: UTF8.self)
      case "filters" where scanner.peek() == "[":
        layer.filters = []
        try scanner.elements { (scanner) throws(ConversionError) in
          layer.filters.append(try volume(&scanner))
        }
      case "biases" where scanner.peek() == "{": layer.biases = try volume(&scanner)
      default:
        let isNumber = scanner.peek().map { $0 == "-" || ("0"..."9").contains($0) } == true
        if isNumber, layer.numbers.count < 64 {
          layer.numbers[key] = try number(&scanner)
        } else {
          try scanner.skipValue()
        }
      }
    }
    guard !layer.type.isEmpty else {
      throw scanner.error("a layer has no 'layer_type'", at: start)
    }
    return layer
  }

  private static func volume(_ scanner: inout JSONScanner) throws(ConversionError) -> Volume {
    var fields = ConvNetLayer()
    var elements: [Float]?
    let start = scanner.place()
    try scanner.members { (scanner, key) throws(ConversionError) in
      switch key {
      case "sx", "sy", "depth": fields.numbers[key] = try number(&scanner)
      case "w": elements = try weights(&scanner)
      default: try scanner.skipValue()
      }
    }
    do throws(ConversionError) {
      let most = 1...VolumeSize.most
      let size = try VolumeSize(
        sx: fields.integer("sx", in: most), sy: fields.integer("sy", in: most),
        depth: fields.integer("depth", in: most))
      guard let elements, elements.count == size.count else {
        throw ConversionError("a volume \(size) has \(elements?.count ?? 0) numbers 'w'")
      }
      return Volume(size: size, elements: elements)
    } catch {
      throw scanner.error(error.description, at: start)
    }
  }

  /// An array, or an object with the keys "0", "1", … in any order, as JSON has a `Float64Array`.
  private static func weights(_ scanner: inout JSONScanner) throws(ConversionError) -> [Float] {
    var elements: [Float] = []
    guard scanner.peek() == "{" else {
      try scanner.elements { (scanner) throws(ConversionError) in
        elements.append(try weight(&scanner, index: elements.count))
      }
      return elements
    }
    let start = scanner.place()
    var places: [Int] = []
    try scanner.members { (scanner, key) throws(ConversionError) in
      guard let place = Int(key), place >= 0 else {
        throw scanner.error("expected an index of 'w', found \(key.quoted)")
      }
      places.append(place)
      elements.append(try weight(&scanner, index: place))
    }
    var ordered = elements
    var isKnown = [Bool](repeating: false, count: elements.count)
    for (place, element) in zip(places, elements) {
      guard place < elements.count, !isKnown[place] else {
        throw scanner.error(
          "the \(elements.count) numbers of 'w' do not have the indices 0 to \(elements.count - 1)",
          at: start)
      }
      isKnown[place] = true
      ordered[place] = element
    }
    return ordered
  }

  /// JavaScript writes a NaN or an infinity as `null`.
  private static func weight(
    _ scanner: inout JSONScanner, index: Int
  ) throws(ConversionError) -> Float {
    let start = scanner.place()
    if scanner.take(word: "null") {
      throw scanner.error("the number \(index) of 'w' is null: it was not finite", at: start)
    }
    let value = Float(try number(&scanner))
    guard value.isFinite else {
      throw scanner.error("the number \(index) of 'w' is too large for float32", at: start)
    }
    return value
  }

  private static func number(_ scanner: inout JSONScanner) throws(ConversionError) -> Double {
    let start = scanner.place()
    guard let value = try scanner.number().flatMap({ Double($0) }) else {
      throw scanner.error("expected a number", at: start)
    }
    return value
  }
}
