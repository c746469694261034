import ONNXFormat
import ONNXOperators
import ONNXShape

/// Splits each string at a delimiter, or at white space if there is none. The parts are along a new last
/// axis, padded with empty strings; the second output is their number.
struct StringSplit: Operator {
  static let schema = Schema("StringSplit", [20: .string], inputs: 1...1, outputs: 1...2)
  let delimiter: String
  let maxSplits: Int

  init(_ node: inout NodeReader) throws(OperatorError) {
    delimiter = try node.string("delimiter", default: "")
    let given = try node.optionalInt("maxsplit") ?? -1
    maxSplits = given < 0 ? Int.max : given
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let shape = try inputs.tensor(0, .string).shape
    return [
      .tensor(.string, shape.map { Shape($0.dimensions + [.unknown]) }), .tensor(.int64, shape),
    ]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    .produce { call throws(OperatorError) in
      let data = try call.tensor(0)
      let counts = try call.allocate(.int64, data.shape)
      var parts: [[String]] = []
      for (index, string) in data.elements(as: String.self).enumerated() {
        parts.append(split(string))
        let count = Int64(parts[index].count)
        counts.storage.pointer.assumingMemoryBound(to: Int64.self)[index] = count
      }
      let width = parts.map(\.count).max() ?? 0
      let result = try call.allocate(.string, data.shape + [width])
      let y = result.storage.pointer.assumingMemoryBound(to: String.self)
      for (row, list) in parts.enumerated() {
        for (column, part) in list.enumerated() { y[row * width + column] = part }
      }
      return [.tensor(result), .tensor(counts)]
    }
  }

  private func split(_ string: String) -> [String] {
    delimiter.isEmpty ? splitAtSpaces(string) : splitAtDelimiters(string)
  }

  private func splitAtDelimiters(_ string: String) -> [String] {
    let text = Array(string.utf8)
    let pattern = Array(delimiter.utf8)
    var parts: [String] = []
    var start = 0
    var place = 0
    while place + pattern.count <= text.count, parts.count < maxSplits {
      if text[place..<place + pattern.count].elementsEqual(pattern) {
        parts.append(String(decoding: text[start..<place], as: UTF8.self))
        place += pattern.count
        start = place
      } else {
        place += 1
      }
    }
    return parts + [String(decoding: text[start...], as: UTF8.self)]
  }

  private func splitAtSpaces(_ string: String) -> [String] {
    var parts: [String] = []
    var rest = string.unicodeScalars[...].drop(while: \.properties.isWhitespace)
    while !rest.isEmpty {
      guard parts.count < maxSplits,
        let end = rest.firstIndex(where: \.properties.isWhitespace)
      else {
        while rest.last?.properties.isWhitespace == true { rest.removeLast() }
        return parts + [String(rest)]
      }
      parts.append(String(rest[..<end]))
      rest = rest[end...].drop(while: \.properties.isWhitespace)
    }
    return parts
  }
}
