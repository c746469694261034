import ONNX

/// An argument `NAME=TEXT` or `TEXT`.
public struct NamedArgument: Sendable, Hashable {
  public let name: String?
  public let text: String

  /// Splits at the first `=` if what is before it is one of `names`.
  public init(_ argument: String, names: [String]) {
    if let split = argument.firstIndex(of: "="), names.contains(String(argument[..<split])) {
      name = String(argument[..<split])
      text = String(argument[argument.index(after: split)...])
    } else {
      name = nil
      text = argument
    }
  }
}

/// The error for a name that a model lacks, with the most similar one that it has.
/// - Parameter kind: `input` or `output`
public func unknownName(_ name: String, _ kind: String, among names: [String]) -> Failure {
  let nearest = nearest(name, names).map { ", did you mean '\($0)'?" } ?? ""
  return Failure("the model has no \(kind) '\(name)'\(nearest)")
}

/// The shapes of `--shape NAME=1x3x224x224`, by name; a single input needs no name, and nothing
/// after `=` is a scalar.
/// - Throws: `Failure`
public func parseShapes(
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
