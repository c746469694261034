/// The parts of a variable's path in a Keras file.
struct KerasName {
  /// The components of the layer's path, without those of a recurrent cell and of a direction.
  private(set) var layer: [String]
  /// The variable: `kernel`, `bias`, `gamma`, `0`, …
  private(set) var variable: String
  /// The class of the layer as Keras 3 writes it, such as `conv2d`; empty where the file has no class.
  private(set) var kind = ""
  private(set) var isBackward = false

  /// Parses `model_weights/dense/sequential/dense/kernel:0`, as models and weights of Keras 2 have it,
  /// or `layers/dense/vars/0` of Keras 3.
  /// - Parameter title: the layer's own name for the path of its group
  /// - Returns: `nil` for what is not a variable of a layer, such as the optimizer's state
  init?(_ path: String, title: (String) -> String?) {
    var parts = path.split(separator: "/").map(String.init)
    guard let first = parts.first, !first.hasPrefix("optimizer") else { return nil }
    if parts.count > 2, parts[parts.count - 2] == "vars" {
      variable = parts.removeLast()
      parts.removeLast()
      var names: [String] = []
      for (index, part) in parts.enumerated()
      where part != "layers" && !part.hasPrefix("_layer_checkpoint") {
        // A list of layers has their classes; an attribute of a layer has a name of its own.
        kind = Self.withoutNumber(part)
        names.append(title(parts[...index].joined(separator: "/") + "/vars") ?? part)
      }
      layer = names
      // The path of a cell and of a direction is fixed: `forward_layer/cell`.
      if parts.last == "cell" {
        layer.removeLast()
        parts.removeLast()
        kind = Self.withoutNumber(parts.last ?? "")
      }
      if let last = parts.last, ["forward_layer", "backward_layer"].contains(last) {
        isBackward = last == "backward_layer"
        layer.removeLast()
      }
    } else {
      variable = parts.removeLast()
      if let colon = variable.lastIndex(of: ":") { variable = String(variable[..<colon]) }
      if parts.first == "model_weights" { parts.removeFirst() }
      // The group of a layer holds the names of its variables, which begin with the model or layer.
      if parts.count > 1 { parts.removeFirst() }
      if parts.count > 1, let last = parts.last, Self.withoutNumber(last).hasSuffix("_cell") {
        parts.removeLast()
      }
      if parts.count > 1, let last = parts.last,
        last.hasPrefix("forward_") || last.hasPrefix("backward_")
      {
        isBackward = last.hasPrefix("backward_")
        parts.removeLast()
      }
      layer = parts
    }
    guard !layer.isEmpty else { return nil }
  }

  /// `dense_12` without its number.
  private static func withoutNumber(_ name: String) -> String {
    guard let mark = name.lastIndex(of: "_"), name[mark...].count > 1,
      name[mark...].dropFirst().allSatisfy(\.isNumber)
    else { return name }
    return String(name[..<mark])
  }
}
