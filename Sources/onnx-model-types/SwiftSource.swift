import ONNXFormat

/// Swift source text, line by line.
struct SwiftSource {
  private(set) var text = ""
  private var depth = 0

  /// Adds a line at the current indentation.
  mutating func line(_ content: String = "") {
    if !content.isEmpty { text += String(repeating: "  ", count: depth) + content }
    text += "\n"
  }

  /// Adds a declaration with a body in braces.
  mutating func block(_ head: String, _ body: (inout SwiftSource) -> Void) {
    line(head + " {")
    depth += 1
    body(&self)
    depth -= 1
    line("}")
  }

  /// Adds a documentation comment. Lines of the text stay lines; control characters are escaped.
  /// - Parameters:
  ///   - first: the text in front of the first line
  ///   - next: the text in front of the other lines
  mutating func comment(_ content: String, first: String = "", next: String = "") {
    let lines = content.clipped(10_000).split(
      omittingEmptySubsequences: false, whereSeparator: \.isNewline)
    for (index, part) in lines.enumerated() {
      let part = (index == 0 ? first : next) + String(part).escaped
      line(part.allSatisfy { $0 == " " } ? "///" : "/// " + part)
    }
  }
}
