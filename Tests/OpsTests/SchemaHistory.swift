import Foundation
import ONNX
import ONNXOperators

/// One version of an operator in `SchemaHistory.txt`; `schema_history.py` describes the format.
struct SchemaVersion: Sendable {
  let domain: String
  let name: String
  let version: Int
  let isRemoved: Bool
  let inputs: [Parameter]
  let outputs: [Parameter]
  let attributes: [Rule]

  /// The domain as the standard writes it.
  var domainName: String { domain.isEmpty ? "ai.onnx" : domain }
  var description: String { "\(domainName) \(name) \(version)" }

  struct Parameter: Sendable {
    let types: Set<String>
    let isOptional: Bool
    let isVariadic: Bool

    /// The tensor types among the types.
    var tensorTypes: TypeSet {
      ElementType.allCases.reduce(into: []) { set, type in
        if types.contains(type.description) { set.insert(TypeSet(type)) }
      }
    }

    /// float32, or the first tensor type.
    var anyTensorType: ElementType? {
      let types = tensorTypes
      return types.contains(.float32)
        ? .float32 : ElementType.allCases.first { $0 != .undefined && types.contains($0) }
    }
  }

  /// An attribute, with its default in the notation of the file.
  struct Rule: Sendable {
    let name: String
    let type: String
    let isRequired: Bool
    let standard: String?
  }

  static let all: [SchemaVersion] = {
    let url = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("SchemaHistory.txt")
    guard let text = try? String(contentsOf: url, encoding: .utf8) else { return [] }
    var lists: [Substring: Set<String>] = [:]
    var versions: [SchemaVersion] = []
    for line in text.split(separator: "\n") where !line.hasPrefix("#") {
      let words = line.split(separator: " ")
      if words[1] == "=" {
        lists[words[0]] = Set(words[2].split(separator: ",").map(String.init))
      } else {
        versions.append(SchemaVersion(words, lists))
      }
    }
    return versions
  }()

  private init(_ words: [Substring], _ lists: [Substring: Set<String>]) {
    domain = words[0] == "ai.onnx" ? "" : String(words[0])
    name = String(words[1])
    version = Int(words[2]) ?? 0
    isRemoved = words[3] == "removed"
    func parameters(_ index: Int) -> [Parameter] {
      guard words.indices.contains(index), words[index] != "-" else { return [] }
      return words[index].split(separator: ",").map { word in
        let name = word.prefix { $0 == "T" || $0.isNumber }
        return Parameter(
          types: lists[name] ?? [], isOptional: word.hasSuffix("?") || word.hasSuffix("*"),
          isVariadic: word.hasSuffix("*") || word.hasSuffix("+"))
      }
    }
    inputs = isRemoved ? [] : parameters(3)
    outputs = parameters(4)
    attributes =
      words.count < 6 || words[5] == "-" ? [] : words[5].split(separator: ",").map { Rule($0) }
  }

  /// A node of this version with these attributes, and with all or only the required inputs and
  /// outputs.
  func node(_ attributes: [Attribute], isFull: Bool = true) -> Node {
    func names(_ parameters: [Parameter], _ letter: String) -> [String] {
      parameters.indices.filter { isFull || !parameters[$0].isOptional }.map { "\(letter)\($0)" }
    }
    return Node(
      name, domain: domain, inputs: names(inputs, "x"), outputs: names(outputs, "y"),
      attributes: attributes)
  }
}

extension SchemaVersion.Rule {
  fileprivate init(_ word: Substring) {
    let parts = word.split(separator: "=", maxSplits: 1)
    let names = parts[0].split(separator: ":")
    name = String(names[0])
    type = String(names[1].prefix { $0 != "!" })
    isRequired = names[1].hasSuffix("!")
    standard = parts.count > 1 ? String(parts[1]) : nil
  }
}
