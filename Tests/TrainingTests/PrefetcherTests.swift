import ONNX
import Synchronization
import Testing

/// A source whose batches contain their position, and that counts them.
private final class CountingSource: BatchSource {
  struct Broken: Error, Equatable { let index: Int }
  let batchCount: Int
  let broken: Int?
  let made = Atomic<Int>(0)

  init(_ batchCount: Int, broken: Int? = nil) {
    self.batchCount = batchCount
    self.broken = broken
  }

  func batch(epoch: Int, index: Int) throws -> Batch {
    if index == broken { throw Broken(index: index) }
    made.add(1, ordering: .relaxed)
    return Batch(["place": Tensor(shape: [2], [epoch, index].map { Int64($0) })], count: 1)
  }
}

@Suite struct PrefetcherTests {
  @Test func keepsTheOrderOverEpochs() throws {
    let prefetcher = Prefetcher(CountingSource(3), epochs: 1..<3, from: 1)
    var places: [[Int64]] = []
    while let item = try prefetcher.next() {
      places.append(try item.batch.integers("place"))
      #expect(places.last == [item.epoch, item.index].map { Int64($0) })
    }
    #expect(places == [[1, 1], [1, 2], [2, 0], [2, 1], [2, 2]])
    #expect(try prefetcher.next() == nil)
  }

  @Test func passesAnErrorOnInItsPlace() throws {
    let prefetcher = Prefetcher(CountingSource(5, broken: 2), epochs: 0..<1, depth: 4)
    #expect(try prefetcher.next()?.index == 0)
    #expect(try prefetcher.next()?.index == 1)
    for _ in 0..<2 {
      #expect(throws: CountingSource.Broken(index: 2)) { try prefetcher.next() }
    }
  }

  @Test func makesNoMoreThanItsDepthAhead() throws {
    let source = CountingSource(1000)
    let prefetcher = Prefetcher(source, epochs: 0..<1, depth: 3)
    for _ in 0..<10 { _ = try prefetcher.next() }
    // Batches taken, batches waiting, and one that waits for space.
    #expect(source.made.load(ordering: .relaxed) <= 14)
  }

  @Test func endsWhereItIsCancelledOrLetGo() throws {
    let source = CountingSource(1_000_000)
    var prefetcher: Prefetcher? = Prefetcher(source, epochs: 0..<1000)
    #expect(try prefetcher?.next()?.index == 0)
    prefetcher?.cancel()
    #expect(try prefetcher?.next() == nil)
    prefetcher = Prefetcher(source, epochs: 0..<1000)
    _ = try prefetcher?.next()
    // Deinitialization waits for the thread, which must stop waiting for space.
    prefetcher = nil
    let made = source.made.load(ordering: .relaxed)
    #expect(made < 20)
  }

  @Test func anEmptyEpochEnds() throws {
    #expect(try Prefetcher(CountingSource(0), epochs: 0..<5).next() == nil)
  }
}
