/// Something in a text that a unit may follow, as a number for each character.
enum TextFeature: String, Decodable, CaseIterable, Sendable {
  /// 1 at line ends.
  case lineEnd
  /// Characters since the last line end.
  case linePosition
  /// 1 at capital letters.
  case capital
  /// 1 from the start to the colon of a line that names a speaker: `ROMEO:`.
  case speaker
  /// 1 at the letters a, e, i, o and u.
  case vowel
  /// 1 at spaces.
  case space
  /// Letters since the last character that is no letter.
  case wordPosition
  /// 1 between quotation marks.
  case quotes
  /// The number of brackets that are open.
  case brackets
  /// 1 in each occurrence of a text that the reader marked.
  case substring

  /// The feature at the last character of each piece.
  /// - Parameter substring: the text that was marked
  func values(_ pieces: [String], substring: String = "") -> [Double] {
    let text = pieces.flatMap { Array($0.unicodeScalars) }
    let all = values(text, Array(substring.unicodeScalars))
    var end = 0
    return pieces.map { piece in
      end += piece.unicodeScalars.count
      return end > 0 ? all[end - 1] : 0
    }
  }

  private func values(_ text: [Unicode.Scalar], _ substring: [Unicode.Scalar]) -> [Double] {
    switch self {
    case .lineEnd: text.map { $0 == "\n" ? 1 : 0 }
    case .linePosition: Self.runs(text) { $0 != "\n" }
    case .capital: text.map { $0.properties.isUppercase ? 1 : 0 }
    case .speaker: Self.speakers(text)
    case .vowel: text.map { "aeiouAEIOU".unicodeScalars.contains($0) ? 1 : 0 }
    case .space: text.map { $0 == " " ? 1 : 0 }
    case .wordPosition: Self.runs(text) { $0.properties.isAlphabetic }
    case .quotes: Self.quoted(text)
    case .brackets: Self.depth(text)
    case .substring: Self.occurrences(of: substring, in: text)
    }
  }

  /// The length of the run of characters that `belongs`, up to each character.
  private static func runs(
    _ text: [Unicode.Scalar], _ belongs: (Unicode.Scalar) -> Bool
  ) -> [Double] {
    var length = 0.0
    return text.map { scalar in
      length = belongs(scalar) ? length + 1 : 0
      return length
    }
  }

  private static func speakers(_ text: [Unicode.Scalar]) -> [Double] {
    var result: [Double] = []
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      let isSpeaker =
        line.count > 1 && line.last == ":" && line[line.startIndex].properties.isUppercase
      // The line end belongs to the text, except after the last line.
      result += line.map { _ in isSpeaker ? 1 : 0 } + [0]
    }
    return Array(result.prefix(text.count))
  }

  private static func quoted(_ text: [Unicode.Scalar]) -> [Double] {
    var isInside = false
    return text.map { scalar in
      switch scalar {
      case "“": isInside = true
      case "”": isInside = false
      case "\"": isInside.toggle()
      default: break
      }
      return isInside ? 1 : 0
    }
  }

  private static func depth(_ text: [Unicode.Scalar]) -> [Double] {
    var depth = 0.0
    return text.map { scalar in
      if "([{".unicodeScalars.contains(scalar) { depth += 1 }
      if ")]}".unicodeScalars.contains(scalar) { depth = max(0, depth - 1) }
      return depth
    }
  }

  private static func occurrences(
    of part: [Unicode.Scalar], in text: [Unicode.Scalar]
  ) -> [Double] {
    var result = [Double](repeating: 0, count: text.count)
    guard !part.isEmpty, part.count <= text.count else { return result }
    for start in 0...text.count - part.count where text[start] == part[0] {
      guard text[start..<start + part.count].elementsEqual(part) else { continue }
      for place in start..<start + part.count { result[place] = 1 }
    }
    return result
  }
}
