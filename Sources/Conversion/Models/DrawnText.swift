import ONNX

extension ValueType {
  var drawn: String { tensorType?.drawn ?? description }
}

extension TensorType {
  var drawn: String {
    guard let shape, shape.rank > 0 else { return "\(elementType)" }
    return elementType == .float32 ? shape.drawn : "\(elementType) \(shape.drawn)"
  }
}

extension Shape {
  var drawn: String { map(\.description).joined(separator: "×") }
}

extension Double {
  /// The number with one decimal, or none for an integer.
  var drawn: String {
    let tenths = (self * 10).rounded()
    guard abs(tenths) < 1e15 else { return "0" }
    let number = Int(tenths)
    let sign = number < 0 ? "-" : ""
    return number % 10 == 0
      ? "\(number / 10)" : "\(sign)\(abs(number) / 10).\(abs(number) % 10)"
  }
}

extension String {
  /// The text escaped for a quoted label of Graphviz.
  var inQuotes: String {
    var result = ""
    for character in escaped {
      if character == "\"" || character == "\\" { result.append("\\") }
      result.append(character)
    }
    return result
  }

  /// The text escaped for XML.
  var inXML: String {
    var result = ""
    for character in escaped {
      switch character {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      default: result.append(character)
      }
    }
    return result
  }
}
