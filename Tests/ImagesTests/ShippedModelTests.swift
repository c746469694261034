import Foundation
import ONNX
import ONNXImages
import Testing

/// Checks the models in `models/` against their references.
@Suite struct ShippedModelTests {
  static let models = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("models")

  private func session(_ name: String) throws -> Session {
    try Session(contentsOf: Self.models.appendingPathComponent("\(name).onnx"))
  }

  private func picture(_ name: String) throws -> Tensor {
    try Image(contentsOf: Self.models.appendingPathComponent(name).path).tensor()
  }

  @Test(arguments: ["lenet5", "char_lstm", "char_gru", "char_rnn"])
  func matchesOnnxruntime(_ name: String) throws {
    let session = try session(name)
    func value(_ kind: String, _ index: Int) throws -> Value {
      try Value(
        contentsOf: Self.models.appendingPathComponent("\(name).references/\(kind)_\(index).pb")
          .path,
        as: .tensor)
    }
    var inputs: [String: Value] = [:]
    for (index, input) in session.inputs.enumerated() {
      inputs[input.name] = try value("input", index)
    }
    let results = try session.run(values: inputs)
    for (index, output) in session.outputs.enumerated() {
      let wanted = try #require(try value("output", index).tensor)
      let found = try #require(results[output.name]?.tensor)
      #expect(found.shape == wanted.shape)
      let (a, b) = (try found.array(as: Float.self), try wanted.array(as: Float.self))
      let largest = b.map(abs).max() ?? 0
      #expect(zip(a, b).allSatisfy { abs($0 - $1) <= 1e-5 * largest })
    }
  }

  @Test func lenet5ReadsTheDigits() throws {
    let session = try session("lenet5")
    for digit in 0..<10 {
      let logits = try #require(
        try session.run(["image": try picture("digits/\(digit).png")])["logits"])
      let scores = try logits.array(as: Float.self)
      #expect(scores.firstIndex(of: scores.max() ?? 0) == digit)
    }
  }

  @Test(arguments: [("blur", "shapes-blurred"), ("edges", "shapes-edges")])
  func filtersDrawWhatNumPyDraws(_ model: String, _ picture: String) throws {
    let image = try self.picture("pictures/shapes.png")
    let result = try #require(try session(model).run(["image": image])["result"])
    let drawn = try Image(result)
    let wanted = try Image(
      contentsOf: Self.models.appendingPathComponent("pictures/\(picture).png").path)
    #expect(drawn.width == wanted.width && drawn.height == wanted.height)
    // Halves may be rounded either way.
    #expect(zip(drawn.pixels, wanted.pixels).allSatisfy { abs(Int($0) - Int($1)) <= 1 })
  }
}
