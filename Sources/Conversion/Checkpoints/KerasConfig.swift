/// What the configuration of a Keras model tells of its layers: their names, in order, and the ε of
/// normalizations.
struct KerasConfig {
  private struct Layer {
    var kind = ""
    var name = ""
    var epsilon: Double?
    var layers: [Layer] = []
  }

  private var root = Layer()
  private static let nesting = 16
  private static let layerLimit = 100_000

  /// - Parameter text: `config.json` of an archive, or the attribute `model_config`
  /// - Returns: `nil` for another text
  init?(_ text: [UInt8]) {
    do throws(ConversionError) {
      var scanner = JSONScanner(text)
      root = try Self.layer(&scanner, 0)
    } catch { return nil }
  }

  private static func layer(
    _ scanner: inout JSONScanner, _ depth: Int
  ) throws(ConversionError) -> Layer {
    var layer = Layer()
    guard depth < nesting, scanner.peek() == "{" else {
      try scanner.skipValue()
      return layer
    }
    try scanner.members { (scanner, key) throws(ConversionError) in
      switch key {
      case "class_name" where scanner.peek() == "\"":
        layer.kind = String(decoding: try scanner.string(), as: UTF8.self)
      case "config" where scanner.peek() == "{":
        try scanner.members { (scanner, key) throws(ConversionError) in
          switch key {
          case "name" where scanner.peek() == "\"":
            layer.name = String(decoding: try scanner.string(), as: UTF8.self)
          case "epsilon": layer.epsilon = try scanner.number().flatMap(Double.init)
          case "layers" where scanner.peek() == "[":
            try scanner.elements { (scanner) throws(ConversionError) in
              layer.layers.append(try Self.layer(&scanner, depth + 1))
              guard layer.layers.count < Self.layerLimit else {
                throw scanner.error("too many layers")
              }
            }
          default: try scanner.skipValue()
          }
        }
      default: try scanner.skipValue()
      }
    }
    return layer
  }

  /// The names of the layers by the paths of their groups in `model.weights.h5`, and in order: a list of
  /// layers has their classes, numbered from the second on.
  var names: [(group: String, name: String)] {
    var result: [(String, String)] = []
    func add(_ layers: [Layer], _ prefix: String) {
      var counts: [String: Int] = [:]
      for layer in layers {
        let kind = Self.snakeCase(layer.kind)
        let number = counts[kind, default: 0]
        counts[kind] = number + 1
        let path = prefix + "layers/" + (number == 0 ? kind : "\(kind)_\(number)")
        result.append((path + "/vars", layer.name))
        add(layer.layers, path + "/")
      }
    }
    add(root.layers, "")
    return result
  }

  /// The ε of each layer that has one, by its name.
  var epsilons: [String: Double] {
    var result: [String: Double] = [:]
    func add(_ layers: [Layer]) {
      for layer in layers {
        if let epsilon = layer.epsilon { result[layer.name] = epsilon }
        add(layer.layers)
      }
    }
    add(root.layers)
    return result
  }

  /// `BatchNormalization` as `batch_normalization`, `PReLU` as `p_re_lu`.
  private static func snakeCase(_ name: String) -> String {
    let letters = Array(name.filter { $0.isLetter || $0.isNumber || $0 == "_" })
    var result = ""
    for (index, letter) in letters.enumerated() {
      let isStart = letter.isUppercase && index > 0
      let endsWord = isStart && letters[index - 1].isLowercase
      let beginsWord =
        isStart && index + 1 < letters.count && letters[index + 1].isLowercase
      if endsWord || beginsWord { result += "_" }
      result += letter.lowercased()
    }
    return result
  }
}
