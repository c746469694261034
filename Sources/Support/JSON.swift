import Glibc

/// A JSON value. Objects keep the order of their members.
package indirect enum JSON: Sendable {
  case null
  case bool(Bool)
  case int(Int)
  case double(Double)
  case string(String)
  case array([JSON])
  case object(KeyValuePairs<String, JSON>)
}

extension JSON: CustomStringConvertible {
  /// The value on one line. NaN and infinities become `null`.
  package var description: String {
    var text = ""
    write(to: &text)
    return text
  }

  private func write(to text: inout String) {
    switch self {
    case .null: text += "null"
    case .bool(let value): text += value ? "true" : "false"
    case .int(let value): text += "\(value)"
    case .double(let value): text += value.isFinite ? formatted(value, "%.9g") : "null"
    case .string(let value): text += value.asJSON
    case .array(let values):
      text += "["
      for (index, value) in values.enumerated() {
        if index > 0 { text += ", " }
        value.write(to: &text)
      }
      text += "]"
    case .object(let members):
      text += "{"
      for (index, member) in members.enumerated() {
        if index > 0 { text += ", " }
        text += member.key.asJSON + ": "
        member.value.write(to: &text)
      }
      text += "}"
    }
  }
}
