import ONNXFormat
import ONNXInterpreter
import ONNXSupport

/// A command-line argument `NAME=TEXT` or `TEXT`.
package struct NamedArgument: Sendable, Hashable {
  package let name: String?
  package let text: String

  /// Splits the argument at the last `=` before which it is one of `names`, which may contain the sign
  /// themselves.
  package init(_ argument: String, names: [String]) {
    let split = argument.indices.last {
      argument[$0] == "=" && names.contains(String(argument[..<$0]))
    }
    if let split {
      name = String(argument[..<split])
      text = String(argument[argument.index(after: split)...])
    } else {
      name = nil
      text = argument
    }
  }
}

/// The error for an unknown input or output, with the most similar name as a suggestion.
/// - Parameter kind: `input` or `output`
package func unknownName(_ name: String, _ kind: String, among names: [String]) -> Failure {
  let nearest = nearest(name, names).map { ", did you mean \($0.quoted)?" } ?? ""
  return Failure("the model has no \(kind) \(name.quoted)\(nearest)")
}

/// Parses the arguments of `--shape NAME=1x3x224x224` into shapes by name. A model's only input needs
/// no name, and an empty shape is a scalar.
/// - Throws: `Failure` for an unknown name, a bad shape, or a name given twice
package func parseShapes(
  _ arguments: [String], names: [String]
) throws(Failure) -> [String: [Int]] {
  var shapes: [String: [Int]] = [:]
  for argument in arguments {
    let parsed = NamedArgument(argument, names: names)
    var name = parsed.name
    if name == nil {
      if let split = argument.firstIndex(of: "=") {
        throw unknownName(String(argument[..<split]), "input", among: names)
      }
      name = names.count == 1 ? names[0] : nil
    }
    guard let name else { throw Failure("--shape \(argument): expected NAME=SHAPE") }
    var sizes: [Int] = []
    if !parsed.text.isEmpty {
      for word in parsed.text.split(separator: "x", omittingEmptySubsequences: false) {
        guard let size = Int(word), size >= 0 else {
          throw Failure("--shape \(argument): expected sizes such as 1x3x224x224")
        }
        sizes.append(size)
      }
    }
    guard shapes.updateValue(sizes, forKey: name) == nil else {
      throw Failure("--shape: '\(name)' is given twice")
    }
  }
  return shapes
}

/// The paths that arguments `[NAME=]FILE` may mean: each whole text, and what follows its last `=`.
package func possiblePaths(_ arguments: [String]) -> [String] {
  arguments
    + arguments.compactMap { text in
      text.lastIndex(of: "=").map { String(text[text.index(after: $0)...]) }
    }
}
