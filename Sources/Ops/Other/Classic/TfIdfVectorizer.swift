import ONNXFormat
import ONNXOperators
import ONNXShape

/// The number of occurrences of each n-gram of a pool in a row, with up to `max_skip_count` elements
/// skipped between adjacent ones, weighted, or only whether it occurs.
struct TfIdfVectorizer: Operator {
  static let schema = Schema("TfIdfVectorizer", [9: [.string, .int32, .int64]], inputs: 1...1)
  private let mode: String
  private let lengths: ClosedRange<Int>
  private let maxSkips: Int
  private let width: Int
  /// The column and the weight of each n-gram.
  private let columns: [Int]
  private let weights: [Float]?
  private let grams: Grams

  /// A tree of n-grams: the children of each node, and the n-gram that ends there.
  private enum Grams: Sendable {
    case integers(GramTree<Int64>)
    case strings(GramTree<[UInt8]>)
  }

  init(_ node: inout NodeReader) throws(OperatorError) {
    mode = try node.choice("mode", default: "", among: ["TF", "IDF", "TFIDF"])
    let least = try node.int("min_gram_length")
    let most = try node.int("max_gram_length")
    guard least >= 1, most >= least else {
      throw .attribute("max_gram_length", "there are no n-grams of \(least) to \(most) elements")
    }
    lengths = least...most
    maxSkips = try node.int("max_skip_count")
    guard maxSkips >= 0 else { throw .attribute("max_skip_count", "\(maxSkips) is negative") }
    columns = try node.ints("ngram_indexes")
    guard let last = columns.max(), let first = columns.min(), first >= 0, last < 1 << 40 else {
      throw .attribute("ngram_indexes", "expected positions, got \(columns)")
    }
    width = last + 1
    weights = try node.optionalFloats("weights")
    if let weights, weights.count != columns.count {
      throw .attribute("weights", "\(weights.count) are given for \(columns.count) n-grams")
    }
    let starts = try node.ints("ngram_counts")
    let integers = try node.optionalInts("pool_int64s")
    let strings = try node.optionalStrings("pool_strings")
    switch (integers, strings) {
    case (let pool?, nil):
      grams = .integers(try GramTree(pool.map(Int64.init), starts, lengths, columns.count))
    case (nil, let pool?):
      grams = .strings(
        try GramTree(pool.map { Array($0.utf8) }, starts, lengths, columns.count))
    default: throw .invalid("expected one of pool_int64s and pool_strings")
    }
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let allowed: TypeSet = if case .strings = grams { .string } else { [.int32, .int64] }
    guard let shape = try inputs.tensor(0, allowed).shape else { return [.tensor(.float32, nil)] }
    guard shape.rank <= 2 else { throw .input(0, "expected shape [C] or [N,C], got \(shape)") }
    let rows = shape.rank == 2 ? [shape[0]] : []
    return [.tensor(.float32, Shape(rows + [.size(width)]))]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let sizes = try call.inputSizes(0)
    let length = sizes.last ?? 1
    let rows = sizes.count == 2 ? sizes[0] : 1
    let type = try call.elementType(0)
    return .compute { buffers in
      let y = buffers.output(0, as: Float.self)
      for row in 0..<rows {
        let line = y + row * width
        line.update(repeating: 0, count: width)
        let start = row * length
        switch grams {
        case .strings(let tree):
          let x = buffers.input(0, as: String.self) + start
          count((0..<length).map { Array(x[$0].utf8) }, tree, line)
        case .integers(let tree) where type == .int32:
          let x = buffers.input(0, as: Int32.self) + start
          count((0..<length).map { Int64(x[$0]) }, tree, line)
        case .integers(let tree):
          let x = buffers.input(0, as: Int64.self) + start
          count(Array(UnsafeBufferPointer(start: x, count: length)), tree, line)
        }
      }
    }
  }

  private func count<Item>(
    _ items: [Item], _ tree: GramTree<Item>, _ line: UnsafeMutablePointer<Float>
  ) {
    // Distances longer than the row find nothing.
    for distance in 1...(1 + min(maxSkips, items.count)) {
      for start in items.indices {
        var place = start
        var length = 1
        var node = 0
        while place < items.count, length <= lengths.upperBound,
          let next = tree.next(node, items[place])
        {
          node = next
          // Single elements do not depend on the distance.
          if let gram = tree.gram[node], length > 1 || distance == 1 {
            let column = line + columns[gram]
            let weight = weights?[gram] ?? 1
            switch mode {
            case "TF": column.pointee += 1
            case "IDF": column.pointee = weight
            default: column.pointee += weight
            }
          }
          place += distance
          length += 1
        }
      }
    }
  }
}

/// A prefix tree of sequences of items.
struct GramTree<Item: Hashable & Sendable>: Sendable {
  private struct Edge: Hashable, Sendable {
    let node: Int
    let item: Item
  }

  private var edges: [Edge: Int] = [:]
  /// The index of the n-gram that ends at each node.
  private(set) var gram: [Int?] = [nil]

  /// - Parameters:
  ///   - starts: the indices in the pool at which 1-grams, 2-grams, … begin
  ///   - count: the expected number of n-grams
  init(
    _ pool: [Item], _ starts: [Int], _ lengths: ClosedRange<Int>, _ count: Int
  ) throws(OperatorError) {
    var number = 0
    for (index, start) in starts.enumerated() {
      let end = index + 1 < starts.count ? starts[index + 1] : pool.count
      let length = index + 1
      guard start >= 0, start <= end, end <= pool.count, (end - start) % length == 0 else {
        throw .attribute("ngram_counts", "\(starts) does not fit a pool of \(pool.count)")
      }
      for place in stride(from: start, to: end, by: length) {
        if lengths.contains(length) { insert(pool[place..<place + length], number) }
        number += 1
      }
    }
    guard number == count else {
      throw .attribute("ngram_indexes", "\(count) are given for \(number) n-grams")
    }
  }

  private mutating func insert(_ items: ArraySlice<Item>, _ number: Int) {
    var node = 0
    for item in items {
      let edge = Edge(node: node, item: item)
      if let next = edges[edge] {
        node = next
      } else {
        edges[edge] = gram.count
        node = gram.count
        gram.append(nil)
      }
    }
    gram[node] = number
  }

  func next(_ node: Int, _ item: Item) -> Int? { edges[Edge(node: node, item: item)] }
}
