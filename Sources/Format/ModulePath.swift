/// Paths of PyTorch modules, such as `layer1.0.conv1`, as exporters record them in nodes.
package enum ModulePath {
  /// The path of the module that a node comes from, by the scopes in its metadata or by a name such as
  /// `/layer1/layer1.0/conv1/Conv`; `nil` where there is none.
  package static func of(_ node: Node) -> String? {
    if let scopes = node.metadata.first(where: { $0.key == "pkg.torch.onnx.name_scopes" }) {
      // The last scope is the operation itself.
      let names = quotedStrings(scopes.value).dropLast()
      if let name = names.last { return name }
    }
    guard let name = node.name, name.hasPrefix("/") else { return nil }
    var path: [Substring] = []
    for part in name.split(separator: "/").dropLast() {
      // The name of a child of a Sequential repeats those of its parents.
      let names = part.split(separator: ".")
      let shared = (0..<names.count).last { path.suffix($0).elementsEqual(names.prefix($0)) } ?? 0
      path += names.dropFirst(min(shared, path.count))
    }
    return path.joined(separator: ".")
  }

  /// The module and those that hold it, the innermost first: `a.b.c`, `a.b`, `a`.
  package static func chain(_ path: String) -> [String] {
    var chain: [String] = []
    var path = path
    while !path.isEmpty {
      chain.append(path)
      path = parent(path)
    }
    return chain
  }

  /// The strings of a Python list such as `['', 'rnn', "it's"]`.
  private static func quotedStrings(_ text: String) -> [String] {
    var strings: [String] = []
    var quote: Character?
    var current = ""
    for character in text {
      if let open = quote {
        if character == open {
          strings.append(current)
          quote = nil
        } else {
          current.append(character)
        }
      } else if character == "'" || character == "\"" {
        quote = character
        current = ""
      }
    }
    return strings
  }

  /// The name without its last component; empty for a single component.
  package static func parent(_ name: String) -> String {
    name.lastIndex(of: ".").map { String(name[..<$0]) } ?? ""
  }

  /// The name of a parameter or a child of a module.
  package static func join(_ path: String, _ leaf: String) -> String {
    path.isEmpty ? leaf : "\(path).\(leaf)"
  }

  /// Whether an exporter generated the name: `onnx::LSTM_380`, `val_108`, `/rnn/Constant_output_0`.
  package static func isMadeUp(_ name: String) -> Bool {
    if name.hasPrefix("onnx::") || name.hasPrefix("/") || name.contains("::") { return true }
    if name.allSatisfy({ $0.isNumber }) { return true }
    for start in ["val_", "_val_", "Constant", "constant", "const_", "lifted_tensor", "ortshared"]
    where name.hasPrefix(start) { return true }
    // The output of a node that the exporter has computed: `linear_1`.
    guard !name.contains("."), let mark = name.lastIndex(of: "_") else { return false }
    let digits = name[name.index(after: mark)...]
    return !digits.isEmpty && digits.allSatisfy { $0.isNumber }
  }
}
