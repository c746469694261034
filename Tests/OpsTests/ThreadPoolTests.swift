import ONNXOperators
import Synchronization
import Testing

private final class Counters: Sendable {
  let counts: [Atomic64]
  init(_ count: Int) { counts = (0..<count).map { _ in Atomic64() } }
  var values: [Int] { counts.map { $0.value.load(ordering: .relaxed) } }
}

private final class Atomic64: Sendable {
  let value = Atomic<Int>(0)
}

@Suite struct ThreadPoolTests {
  @Test(arguments: [1, 2, 3, 7], [0, 1, 2, 3, 16, 1000, 32768, 32769, 70001])
  func runsEachTaskOnce(threads: Int, tasks: Int) {
    let pool = ThreadPool(threads: threads)
    for _ in 0..<3 {
      let counters = Counters(tasks)
      pool.parallel(tasks) { counters.counts[$0].value.add(1, ordering: .relaxed) }
      #expect(counters.values.allSatisfy { $0 == 1 })
    }
  }

  /// Jobs so short that threads arrive when they are over, or when the next one has begun.
  @Test func aLateThreadTakesNoTaskOfAnotherJob() {
    let pool = ThreadPool(threads: 4)
    for round in 0..<3000 {
      let tasks = 2 + round % 9
      let counters = Counters(tasks)
      pool.parallel(tasks) { counters.counts[$0].value.add(1, ordering: .relaxed) }
      #expect(counters.values.allSatisfy { $0 == 1 })
    }
  }

  @Test func aBusyPoolRunsTasksOnTheThreadOfTheCaller() {
    let pool = ThreadPool(threads: 2)
    let counters = Counters(64)
    pool.parallel(8) { outer in
      pool.parallel(8) { inner in
        counters.counts[outer * 8 + inner].value.add(1, ordering: .relaxed)
      }
    }
    #expect(counters.values.allSatisfy { $0 == 1 })
  }

  @Test func numbersOfThreadsSelectSeparateMemory() {
    let pool = ThreadPool(threads: 3)
    let inUse = Counters(3)
    let collisions = Atomic64()
    withUnsafePointer(to: 0) { nothing in
      pool.run(500, nothing) { _, _, thread in
        if inUse.counts[thread].value.add(1, ordering: .acquiringAndReleasing).oldValue != 0 {
          collisions.value.add(1, ordering: .relaxed)
        }
        inUse.counts[thread].value.subtract(1, ordering: .acquiringAndReleasing)
      }
    }
    #expect(collisions.value.load(ordering: .relaxed) == 0)
  }
}
