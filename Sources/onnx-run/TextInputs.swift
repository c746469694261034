import ONNXFormat
import ONNXInterpreter
import ONNXText
import ToolSupport

extension RunInputs {
  /// Gives texts, `NAME=TEXT` or `TEXT`, as the numbers of their tokens: to an input of integers `[N,T]`
  /// or `[T]`, and their number to an input of integers `[N]`. States become zeros.
  /// - Throws: `Failure` for a model without a vocabulary or such an input, and for a token that the
  ///   vocabulary lacks
  mutating func read(texts: [String], _ session: Session) throws(Failure) {
    guard !texts.isEmpty else { return }
    guard let entry = metadata.first(where: { $0.key == Vocabulary.metadataKey }) else {
      throw Failure(
        "--text needs a model with its tokens in the metadata '\(Vocabulary.metadataKey)'")
    }
    let inputs = required.filter { $0.isInteger(ranks: 1...2) }
    for argument in texts {
      let parsed = NamedArgument(argument, names: inputs.map(\.name))
      let named = inputs.first { $0.name == parsed.name }
      guard let input = named ?? inputs.first(where: { $0.isInteger(ranks: 2...2) }) ?? inputs.first
      else {
        throw Failure("--text: expected an input of tokens, integers [N,T]; the model has none")
      }
      do {
        let vocabulary = try Vocabulary(json: entry.value)
        let numbers = try vocabulary.numbers(of: text(parsed.text, vocabulary))
        guard !numbers.isEmpty else { throw Failure("the text is empty") }
        let isBatch = input.type?.tensorType?.shape?.rank != 1
        try give(
          input.name, input.integers(numbers, isBatch ? [1, numbers.count] : [numbers.count]))
        for lengths in inputs where lengths.name != input.name && lengths.isInteger(ranks: 1...1) {
          try give(lengths.name, lengths.integers([Int32(clamping: numbers.count)], [1]))
        }
      } catch { throw Failure("--text", error) }
    }
    do {
      for (name, tensor) in try session.zeroStates() where values[name] == nil {
        try give(name, tensor)
      }
    } catch { throw Failure("\(error)") }
  }

  /// The tokens of a text. A word that the vocabulary lacks may be there in lower case.
  private func text(_ text: String, _ vocabulary: Vocabulary) -> [String] {
    guard vocabulary.unit == .word else {
      return text.unicodeScalars.map { String(Character($0)) }
    }
    return words(in: text).map { word in
      vocabulary.number(of: word) == nil ? word.lowercased() : word
    }
  }
}

extension ValueInfo {
  /// Whether the input takes int64 or int32 tensors of such a rank.
  fileprivate func isInteger(ranks: ClosedRange<Int>) -> Bool {
    guard let type = type?.tensorType, [.int64, .int32].contains(type.elementType) else {
      return false
    }
    return type.shape.map { ranks.contains($0.rank) } ?? true
  }

  /// Numbers as a tensor of the input's element type.
  fileprivate func integers(_ numbers: [Int32], _ shape: [Int]) -> Tensor {
    type?.tensorType?.elementType == .int32
      ? Tensor(shape: shape, numbers) : Tensor(shape: shape, numbers.map { Int64($0) })
  }
}
