import ONNX
import Testing

/// Expects batches that depend on seed, epoch and index only.
private func expectRepeatable(
  _ make: (UInt64) throws -> some BatchSource, sourceLocation: SourceLocation = #_sourceLocation
) throws {
  let a = try make(1).batch(epoch: 2, index: 1)
  #expect(
    try make(1).batch(epoch: 2, index: 1).tensors == a.tensors, sourceLocation: sourceLocation)
  #expect(
    try make(1).batch(epoch: 2, index: 0).tensors != a.tensors, sourceLocation: sourceLocation)
  #expect(
    try make(1).batch(epoch: 1, index: 1).tensors != a.tensors, sourceLocation: sourceLocation)
  #expect(
    try make(2).batch(epoch: 2, index: 1).tensors != a.tensors, sourceLocation: sourceLocation)
}

@Suite struct TaskTests {
  @Test func parity() throws {
    try expectRepeatable { ParityTask(lengths: 5...20, size: 8, batchCount: 3, seed: $0) }
    let task = ParityTask(lengths: 1...20, size: 50, batchCount: 40, seed: 3)
    var lengths: Set<Int> = []
    var ones: Int64 = 0
    for index in 0..<40 {
      let batch = try task.batch(epoch: 0, index: index)
      let length = try #require(batch.tensors["bits"]).shape[1]
      lengths.insert(length)
      let bits = try batch.floats("bits")
      let labels = try batch.integers("labels")
      let steps = try batch.integers("steps")
      for row in 0..<50 {
        let string = bits[row * length..<(row + 1) * length]
        #expect(labels[row] == Int64(string.reduce(0, +)) % 2)
        #expect(steps[(row + 1) * length - 1] == labels[row])
        #expect(steps[row * length] == Int64(string[row * length]))
      }
      ones += labels.reduce(0, +)
    }
    #expect(lengths.isSubset(of: Set(1...20)) && lengths.count > 10)
    #expect((800...1200).contains(ones))
    let test = try ParityTask(lengths: 100...100, size: 2, batchCount: 1, seed: 1)
      .batch(epoch: 0, index: 0)
    #expect(test.tensors["bits"]?.shape == [2, 100, 1])
    #expect(test.tensors["lengths"] == Tensor(shape: [2], [100, 100] as [Int32]))
  }

  @Test func adding() throws {
    try expectRepeatable { AddingTask(length: 10, size: 4, batchCount: 2, seed: $0) }
    let batch = try AddingTask(length: 100, size: 500, batchCount: 1, seed: 1)
      .batch(epoch: 0, index: 0)
    let pairs = try batch.floats("pairs")
    let sums = try batch.floats("sums")
    var error: Float = 0
    for row in 0..<500 {
      let steps = (0..<100).map { (pairs[(row * 100 + $0) * 2], pairs[(row * 100 + $0) * 2 + 1]) }
      let marked = steps.indices.filter { steps[$0].1 == 1 }
      #expect(marked.count == 2 && marked[0] < 50 && marked[1] >= 50)
      #expect(sums[row] == marked.reduce(0) { $0 + steps[$1].0 })
      error += (sums[row] - 1) * (sums[row] - 1) / 500
    }
    // The baseline: the variance of the sum of two uniform numbers, 1/6.
    #expect(abs(error - 1 / 6) < 0.03)
  }

  @Test func reversal() throws {
    try expectRepeatable {
      try StringTask(.reversal(lengths: 3...8), size: 4, batchCount: 2, seed: $0)
    }
    let task = try StringTask(.reversal(lengths: 3...8), size: 20, batchCount: 2, seed: 1)
    let pairs = task.pairs(epoch: 0, index: 0)
    for pair in pairs { #expect(String(pair.source.reversed()) == pair.target) }
    let batch = try task.batch(epoch: 0, index: 0)
    let columns = try #require(batch.tensors["target"]).shape[1]
    let input = try batch.integers("input")
    let target = try batch.integers("target")
    for (row, pair) in pairs.enumerated() {
      let count = pair.target.count
      let shown = input[row * columns..<(row + 1) * columns].map { Int($0) }
      let wanted = target[row * columns..<(row + 1) * columns].map { Int($0) }
      #expect(shown[0] == task.startNumber)
      #expect(Array(shown[1...count]) == Array(wanted[..<count]))
      #expect(task.vocabulary.text(of: wanted[..<count]) == pair.target)
      #expect(wanted[count] == task.endNumber)
      #expect(wanted[(count + 1)...].allSatisfy { $0 == SequenceDataset.ignoreIndex })
    }
  }

  @Test func dates() throws {
    let task = try StringTask(.date, size: 200, batchCount: 1, seed: 1)
    for (source, target) in task.pairs(epoch: 0, index: 0) {
      let parts = target.split(separator: "-").compactMap { Int($0) }
      #expect(target.utf8.count == 10 && parts.count == 3)
      #expect((1900..<2100).contains(parts[0]) && (1...12).contains(parts[1]))
      #expect(source.contains("\(parts[0])") && source.contains("\(parts[2])"))
    }
    _ = try task.batch(epoch: 0, index: 0)
  }

  @Test func captions() throws {
    try expectRepeatable { try CaptionTask(size: 2, batchCount: 2, seed: $0) }
    let task = try CaptionTask(size: 30, batchCount: 1, seed: 1)
    let batch = try task.batch(epoch: 0, index: 0)
    #expect(batch.tensors["image"]?.shape == [30, 3, 32, 32])
    let image = try batch.floats("image")
    for (row, caption) in task.captions(epoch: 0, index: 0).enumerated() {
      // The shape of the first colour is at the position that the sentence states.
      let words = caption.split(separator: " ").map(String.init)
      #expect(words[0] == "a" && (words.count == 9 || words.count == 10), "\(caption)")
      let (x, y): (Int, Int) =
        switch words[4] {
        case "above": (16, 8)
        case "below": (16, 24)
        case "left": (8, 16)
        default: (24, 16)
        }
      let near = (0..<3).map { channel in
        var darkest: Float = 1
        for dy in -4...4 {
          for dx in -4...4 {
            darkest = min(darkest, image[((row * 3 + channel) * 32 + y + dy) * 32 + x + dx])
          }
        }
        return darkest
      }
      let expected: [String: [Float]] = [
        "red": [0.9, 0.15, 0.1], "green": [0.1, 0.7, 0.2], "blue": [0.15, 0.3, 0.95],
        "yellow": [0.95, 0.85, 0.1],
      ]
      #expect(near == expected[words[2]], "\(caption)")
    }
  }

  @Test func forecast() throws {
    let task = ForecastTask(length: 300, past: 20, future: 5, seed: 1)
    #expect(task.series == ForecastTask(length: 300, past: 20, future: 5, seed: 1).series)
    #expect(task.series != ForecastTask(length: 300, past: 20, future: 5, seed: 2).series)
    #expect(task.count == 276)
    let batch = try task.batch(of: [3, 275])
    #expect(try batch.floats("past")[..<20] == task.series[3..<23])
    #expect(try batch.floats("future")[5...] == task.series[295...])
    let (train, test) = try task.split(testShare: 0.25)
    #expect(test.count == 69)
    let last = try train.batch(of: [train.count - 1]).floats("future")
    let first = try test.batch(of: [0]).floats("past")
    let end = try #require((0..<295).first { Array(task.series[$0..<$0 + 5]) == last }) + 5
    let start = try #require((0..<280).first { Array(task.series[$0..<$0 + 20]) == first })
    #expect(end == start)
    expectDataError("too short") { try task.split(testShare: 0.95) }
  }
}
