import Foundation
import ONNX
import Testing

@testable import Serving

struct SchedulerTests {
  private static func sample(_ seed: UInt64, count: Int = 1) -> [String: Tensor] {
    var random = RandomStream(seed: seed)
    return [
      "x": Tensor(shape: [count, 3], (0..<count * 3).map { _ in Float(random.uniform(-1, 1)) })
    ]
  }

  /// Runs all while the thread is busy, so that they wait for each other.
  private func together(
    _ thread: OneThread, _ model: ServedModel, _ inputs: [[String: Tensor]]
  ) async throws -> [Result<[String: Tensor], ServingError>] {
    try await thread.whileBusy(waiting: [model.name: inputs.count]) { scheduler in
      await withTaskGroup(of: (Int, Result<[String: Tensor], ServingError>).self) { group in
        for (index, input) in inputs.enumerated() {
          group.addTask {
            do throws(ServingError) {
              return (index, .success(try await scheduler.run(model, input)))
            } catch { return (index, .failure(error)) }
          }
        }
        return await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
          .sorted { $0.key < $1.key }.map(\.value)
      }
    }
  }

  @Test func whatWaitsIsRunTogetherWithTheBitsOfRunsAlone() async throws {
    let thread = try OneThread()
    let model = try served(Small.linear)
    let inputs = (0..<8).map { Self.sample(UInt64($0), count: 1 + $0 % 3) }
    let alone = try inputs.map { try model.session.run($0) }
    for _ in 0..<Lane.trials {
      #expect(try await together(thread, model, inputs).map { try $0.get() } == alone)
    }
    #expect(thread.runs(model) == Lane.trials * 9)
    #expect(try await together(thread, model, inputs).map { try $0.get() } == alone)
    #expect(thread.runs(model) == Lane.trials * 9 + 1)
  }

  @Test func aBatchHasAtMostSoManySamples() async throws {
    let thread = try OneThread { $0.maxBatch = 4 }
    let model = try served(Small.linear)
    let inputs = (0..<8).map { Self.sample(UInt64($0)) }
    for _ in 0..<Lane.trials { _ = try await together(thread, model, inputs) }
    let before = thread.runs(model)
    _ = try await together(thread, model, inputs)
    #expect(thread.runs(model) == before + 2)
  }

  @Test func lenetAnswersTheSameBitsInABatch() async throws {
    let thread = try OneThread()
    let model = try ServedModel(name: "lenet5", version: "1", path: "../models/lenet5.onnx")
    let inputs = (0..<6).map { seed in
      var random = RandomStream(seed: UInt64(seed))
      return [
        "image": Tensor(shape: [1, 1, 28, 28], (0..<784).map { _ in Float(random.uniform()) })
      ]
    }
    let alone = try inputs.map { try model.session.run($0) }
    for _ in 0...Lane.trials {
      #expect(try await together(thread, model, inputs).map { try $0.get() } == alone)
    }
    #expect(thread.runs(model) == Lane.trials * 7 + 1)
  }

  @Test func samplesThatAffectEachOtherAreRunAlone() async throws {
    let thread = try OneThread()
    let model = try served(Small.centred)
    let inputs = (0..<4).map { Self.sample(UInt64($0)) }
    let alone = try inputs.map { try model.session.run($0) }
    for _ in 0..<3 {
      #expect(try await together(thread, model, inputs).map { try $0.get() } == alone)
    }
    #expect(thread.runs(model) == 5 + 4 + 4)
  }

  @Test func aBadRequestDoesNotSpoilItsBatch() async throws {
    let thread = try OneThread()
    let model = try served(Small.rows)
    let inputs = [0, 7, 2].map { ["x": Tensor(shape: [1], [Int64($0)])] }
    for _ in 0..<4 {
      let answers = try await together(thread, model, inputs)
      #expect(try answers[0].get()["y"] == [[1.0, 2]])
      #expect(try answers[2].get()["y"] == [[5.0, 6]])
      #expect(throws: ServingError.self) { try answers[1].get() }
    }
  }

  @Test func requestsOfOtherShapesAndEmptyOnesAreNotJoined() async throws {
    let thread = try OneThread()
    let model = try served(Small.linear)
    let empty = ["x": Tensor(shape: [0, 3], [Float]())]
    let wrong = ["x": Tensor(shape: [1, 4], [Float](repeating: 1, count: 4))]
    let scalar = ["x": Tensor(Float(1))]
    let good = Self.sample(1)
    let answers = try await together(thread, model, [empty, wrong, scalar, good])
    #expect(try answers[0].get()["y"]?.shape == [0, 2])
    #expect(throws: ServingError.self) { try answers[1].get() }
    #expect(throws: ServingError.self) { try answers[2].get() }
    #expect(try answers[3].get() == [good].map { try model.session.run($0) }[0])
  }

  @Test func aFullQueueRefusesRequests() async throws {
    let thread = try OneThread { $0.maxQueue = 2 }
    let model = try served(Small.loop)
    let answers = try await thread.whileBusy(waiting: ["model": 2]) { scheduler in
      async let first = scheduler.run(model, ["x": Tensor(Int64(1))])
      async let second = scheduler.run(model, ["x": Tensor(Int64(2))])
      while scheduler.waiting["model"] != 2 { try await Task.sleep(for: .milliseconds(1)) }
      let error = await #expect(throws: ServingError.self) {
        try await scheduler.run(model, ["x": Tensor(Int64(3))])
      }
      #expect(error?.status == .tooManyRequests)
      #expect(error?.retryAfter == 1)
      return try await [first, second].compactMap { $0["y"] }
    }
    #expect(answers == [Tensor(Int64(1)), Tensor(Int64(2))])
  }

  @Test func requestsPastTheirDeadlineAreEnded() async throws {
    let thread = try OneThread()
    let model = try served(Small.loop)
    let start = ContinuousClock.now
    // The first occupies the thread, the second does not begin.
    let requests = [(90_000_000, 200), (1, 100)].map { trips, milliseconds in
      Task {
        try await thread.scheduler.run(
          model, ["x": Tensor(Int64(trips))], timeout: .milliseconds(milliseconds))
      }
    }
    for request in requests {
      let error = await #expect(throws: ServingError.self) { try await request.value }
      #expect(error?.status == .gatewayTimeout)
    }
    let answer = try await thread.scheduler.run(model, ["x": Tensor(Int64(3))])
    #expect(answer["y"] == Tensor(Int64(3)))
    #expect(ContinuousClock.now - start < .seconds(15))
  }

  @Test func aCancelledTaskEndsItsRun() async throws {
    let thread = try OneThread()
    let model = try served(Small.loop)
    let task = Task { try await thread.scheduler.run(model, ["x": Tensor(Int64(90_000_000))]) }
    try await Task.sleep(for: .milliseconds(50))
    task.cancel()
    await #expect(throws: ServingError.self) { try await task.value }
    let answer = try await thread.scheduler.run(
      model, ["x": Tensor(Int64(3))], timeout: .seconds(5))
    #expect(answer["y"] == Tensor(Int64(3)))
  }

  @Test func aFloodForOneModelDoesNotHoldUpAnother() async throws {
    let thread = try OneThread()
    let flooded = try served(Small.loop, name: "flooded")
    let other = try served(Small.loop, name: "other")
    let left = try await thread.whileBusy(waiting: ["flooded": 40, "other": 1]) { scheduler in
      let flood = (0..<40).map { _ in
        Task { try await scheduler.run(flooded, ["x": Tensor(Int64(3000))]) }
      }
      while scheduler.waiting["flooded"] != 40 { try await Task.sleep(for: .milliseconds(1)) }
      _ = try await scheduler.run(other, ["x": Tensor(Int64(3000))])
      let left = scheduler.waiting["flooded"]
      for request in flood { _ = try await request.value }
      return left
    }
    #expect((left ?? 0) > 20)
  }

  @Test func aStoppedSchedulerEndsItsThreads() async throws {
    var scheduler: Scheduler? = Scheduler(ServerOptions(folder: ""))
    let model = try served(Small.linear)
    _ = try await scheduler?.run(model, Self.sample(1))
    scheduler = nil
  }
}
