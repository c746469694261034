/// The words of a text: runs of letters, digits and apostrophes, and every other character except
/// spaces as a word of its own. Line ends are words.
package func words(in text: String) -> [String] {
  var words: [String] = []
  var word = String.UnicodeScalarView()
  func finish() {
    if !word.isEmpty { words.append(String(word)) }
    word.removeAll()
  }
  for scalar in text.unicodeScalars {
    let properties = scalar.properties
    if properties.isAlphabetic || properties.numericType != nil || scalar == "'"
      || properties.generalCategory == .nonspacingMark
    {
      word.append(scalar)
      continue
    }
    finish()
    if scalar == "\n" || !properties.isWhitespace {
      words.append(String(String.UnicodeScalarView([scalar])))
    }
  }
  finish()
  return words
}

/// Whether a space separates a text from the next word.
func needsSpace(_ text: String, _ word: String) -> Bool {
  guard let last = text.unicodeScalars.last, let first = word.unicodeScalars.first else {
    return false
  }
  if last.properties.isWhitespace || ["(", "["].contains(last) { return false }
  return first != "\n" && ![".", ",", ";", ":", "!", "?", ")", "]"].contains(first)
}
