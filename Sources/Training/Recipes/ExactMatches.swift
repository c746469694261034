import ONNXFormat
import ONNXInterpreter

/// The fraction of sequences that a model writes without a mistake by greedy decoding: each token is the
/// most likely one after those written so far.
/// - Parameters:
///   - given: The name of the input that both the graph and the data have.
///   - written: The graph's input for the tokens written so far.
func exactMatches(
  _ model: Model, _ data: some DecoderTask, given: String, written: String
) throws -> Double {
  let session = try Session(model)
  var (right, count) = (0, 0)
  for index in 0..<data.batchCount {
    let batch = try data.batch(epoch: 0, index: index)
    guard let wanted = batch.tensors["target"] else { continue }
    var inputs: [String: Tensor] = [:]
    inputs[given] = batch.tensors[given]
    let (rows, columns) = (wanted.shape[0], wanted.shape[1])
    var texts = [[Int64]](repeating: [Int64(data.startNumber)], count: rows)
    for column in 0..<columns {
      inputs[written] = Tensor(shape: [rows, column + 1], texts.flatMap { $0 })
      guard let scores = try session.run(inputs)["logits"] else { break }
      let size = scores.shape[2]
      let numbers = scores.elements(as: Float.self)
      withExtendedLifetime(scores) {
        for row in 0..<rows {
          let first = (row * (column + 1) + column) * size
          let last = numbers[first..<first + size]
          let best = last.indices.max { last[$0] < last[$1] } ?? last.startIndex
          texts[row].append(Int64(best - last.startIndex))
        }
      }
    }
    let targets = try wanted.array(as: Int64.self)
    for row in 0..<rows {
      let target = targets[row * columns..<(row + 1) * columns].prefix { $0 != Loss.ignored }
      if texts[row].dropFirst().prefix(target.count).elementsEqual(target) { right += 1 }
      count += 1
    }
  }
  return count > 0 ? Double(right) / Double(count) : 0
}
