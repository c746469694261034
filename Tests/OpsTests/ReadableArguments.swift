import ONNX
import Testing

// Arguments of tests are shown by name: their fields would fill pages.

extension Attribute: CustomTestStringConvertible {
  /// The name and the value.
  public var testDescription: String {
    switch value {
    case .int(let value): "\(name) \(value)"
    case .ints(let values): "\(name) \(values)"
    case .float(let value): "\(name) \(value)"
    case .string(let value): "\(name) \(value.string)"
    default: name
    }
  }
}

extension Array: @retroactive CustomTestStringConvertible where Element == Attribute {
  /// The attributes, separated by commas.
  public var testDescription: String {
    isEmpty ? "no attributes" : map(\.testDescription).joined(separator: ", ")
  }
}

extension Node: CustomTestStringConvertible {
  /// The operator and the attributes.
  public var testDescription: String {
    ([operatorType] + attributes.map(\.testDescription)).joined(separator: ", ")
  }
}
