/// A sentence whose words have tags.
package struct TaggedSentence: Sendable, Equatable {
  package var words: [String] = []
  package var tags: [String] = []
}

/// Sentences with a tag for each word, divided into those to train on, to validate with and to test with.
///
/// A file has one word per line and an empty line after each sentence, as in the shared tasks of CoNLL:
/// columns are separated by tabs or spaces, the word is the first and the tag the last. In `.conllu`
/// files the word is the second column and the tag, its universal part of speech, the fourth.
package struct TaggedCorpus: Sendable {
  package private(set) var train: [TaggedSentence] = []
  package private(set) var validation: [TaggedSentence] = []
  package private(set) var test: [TaggedSentence] = []
  /// The tags of all sentences, sorted.
  package private(set) var tags: [String] = []

  /// Reads a file, or a folder of files whose names contain `train`, `dev` or `valid`, and `test`.
  /// Where there is no file to test or validate with, a tenth of the sentences to train on is.
  /// - Throws: `DataError` for a folder without a file to train on, a file without sentences, a line
  ///   without a tag, a sentence of more than 2000 words, or more than 1000 tags.
  package init(_ path: String) throws(DataError) {
    var files = [path]
    if isDataFolder(path) {
      files = try folderEntries(path).map { "\(path)/\($0)" }
      for file in files {
        let name = file.dropFirst(path.count + 1).lowercased()
        switch true {
        case name.contains("train"): train += try Self.read(file)
        case name.contains("dev"), name.contains("valid"): validation += try Self.read(file)
        case name.contains("test"): test += try Self.read(file)
        default: break
        }
      }
      guard !train.isEmpty else {
        throw DataError(
          "expected a file with 'train' in its name, found "
            + (files.isEmpty
              ? "no file"
              : files.map { "\($0.dropFirst(path.count + 1))" }
                .prefix(5).joined(separator: ", ")),
          in: path)
      }
    } else {
      train = try Self.read(path)
    }
    if test.isEmpty { (train, test) = Self.split(train) }
    if validation.isEmpty { (train, validation) = Self.split(train) }
    guard !train.isEmpty, !test.isEmpty, !validation.isEmpty else {
      throw DataError("expected at least 3 sentences, found too few", in: path)
    }
    tags = Set((train + validation + test).flatMap(\.tags)).sorted {
      $0.unicodeScalars.lexicographicallyPrecedes($1.unicodeScalars)
    }
    guard tags.count <= Self.mostTags else {
      throw DataError(
        "expected at most \(Self.mostTags) different tags, found \(tags.count)", in: path)
    }
  }

  /// Every tenth sentence is in the second part.
  private static func split(
    _ sentences: [TaggedSentence]
  ) -> ([TaggedSentence], [TaggedSentence]) {
    let parts = sentences.enumerated()
    let isLast: (Int) -> Bool = { $0 % 10 == min(9, sentences.count - 1) }
    return (
      parts.filter { !isLast($0.offset) }.map(\.element),
      parts.filter { isLast($0.offset) }.map(\.element)
    )
  }

  /// The most words of a sentence: a batch is padded to its longest.
  private static let longest = 2000
  /// The most tags: a chain has a score for each pair.
  private static let mostTags = 1000

  private static func read(_ path: String) throws(DataError) -> [TaggedSentence] {
    let text = try readTextData(path)
    let isUniversal = path.hasSuffix(".conllu") || path.hasSuffix(".conllu.gz")
    var sentences: [TaggedSentence] = []
    var sentence = TaggedSentence()
    func finish() {
      if !sentence.words.isEmpty { sentences.append(sentence) }
      sentence = TaggedSentence()
    }
    for (number, line) in lines(of: text).enumerated() {
      let columns = line.split { $0 == "\t" || !isUniversal && $0 == " " }.map { String($0) }
      if columns.isEmpty {
        finish()
        continue
      }
      if isUniversal {
        // Comments, words made of several tokens, and words that are not in the text.
        if columns[0].hasPrefix("#") || columns[0].contains(where: { $0 == "-" || $0 == "." }) {
          continue
        }
      } else if columns[0] == "-DOCSTART-" {
        continue
      }
      let (word, tag) = isUniversal ? (1, 3) : (0, columns.count - 1)
      guard columns.count > tag, tag > word else {
        throw DataError(
          "line \(number + 1): expected a word and a tag, found \(String(line).quoted)", in: path)
      }
      guard sentence.words.count < longest else {
        throw DataError(
          "line \(number + 1): expected an empty line after at most \(longest) words", in: path)
      }
      sentence.words.append(columns[word])
      sentence.tags.append(columns[tag])
    }
    finish()
    guard !sentences.isEmpty else { throw DataError("expected sentences, found none", in: path) }
    return sentences
  }

  /// The lines of a text, with empty ones, without carriage returns.
  private static func lines(of text: String) -> [Substring.UnicodeScalarView] {
    text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false).map { line in
      line.last == "\r" ? line.dropLast() : line
    }
  }
}
