import Foundation
import ONNX

/// Runs the model that the first argument names on zeros, prints its first output's first values, and
/// checks an operator of this package. Ends with an error if anything is wrong.
@main
struct Consumer {
  static func main() async throws {
    let url = URL(fileURLWithPath: CommandLine.arguments[1])
    let session = try Session(contentsOf: url, options: SessionOptions())
    let image = Tensor(zeros: [1, 1, 28, 28])

    // Any number of tasks may share the session.
    let results = try await withThrowingTaskGroup(of: [Float].self) { group in
      for _ in 0..<4 {
        group.addTask { try await session.run(image, timeout: .seconds(60)).array() }
      }
      var results: [[Float]] = []
      for try await result in group { results.append(result) }
      return results
    }
    precondition(results.allSatisfy { $0 == results[0] })

    let bound = try session.bind(inputs: ["image": image], outputs: ["logits"])
    try bound.run()
    let logits = try bound.output("logits")
    let values = try logits.array(as: Float.self)
    precondition(values == results[0])
    print(logits.elementType, logits.shape, values)

    var model = try Model(contentsOf: url)
    model.producerName = "consumer"
    let copy = FileManager.default.temporaryDirectory
      .appendingPathComponent("consumer-\(UUID().uuidString).onnx")
    defer { try? FileManager.default.removeItem(at: copy) }
    try model.write(to: copy)
    let again = try Session(Model(contentsOf: copy), options: SessionOptions())
    let repeated = try await again.run(image)
    precondition(repeated == logits)
    // `localizedDescription` is Foundation's.
    do { _ = try await again.run(["imge": image]) } catch {
      precondition(error.localizedDescription == "the model has no 'imge'; did you mean 'image'?")
    }

    do {
      try await ModelChecks.run(session)
      try SwirlChecks.run()
    } catch {
      print("consumer: \(error)")
      exit(1)
    }
  }
}
