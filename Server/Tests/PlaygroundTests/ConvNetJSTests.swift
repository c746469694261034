import ONNX
import Serving
import Testing

@testable import Playground

struct ConvNetJSTests {
  /// A network that ConvNetJS might have written: three units with tanh and dropout, then two scores.
  private static func json(last: String, depth: Int = 2, scores: Int = 2) -> String {
    func volume(_ count: Int) -> String {
      let numbers = (0..<count).map { "\(Double($0 % 5) / 5 - 0.4)" }.joined(separator: ",")
      return #"{"sx": 1, "sy": 1, "depth": \#(count), "w": [\#(numbers)]}"#
    }
    func layer(_ type: String, _ depth: Int, _ more: String = "") -> String {
      #"{"layer_type": "\#(type)", "out_sx": 1, "out_sy": 1, "out_depth": \#(depth)\#(more)}"#
    }
    func dense(_ inputs: Int, _ outputs: Int) -> String {
      let filters = (0..<outputs).map { _ in volume(inputs) }.joined(separator: ",")
      return layer(
        "fc", outputs,
        #", "num_inputs": \#(inputs), "filters": [\#(filters)], "biases": \#(volume(outputs))"#)
    }
    let layers = [
      layer("input", depth), dense(depth, 3), layer("tanh", 3),
      layer("dropout", 3, #", "drop_prob": 0.5"#), dense(3, scores),
      layer(last, scores, #", "num_inputs": \#(scores)"#),
    ]
    return #"{"layers": [\#(layers.joined(separator: ","))]}"#
  }

  private func load(_ json: String) throws -> Training {
    let (design, model) = try #require(try ImportedNetwork.read(Array(json.utf8)))
    return try Training(
      design, TrainData(mnist: nil).examples(design.data), imported: model)
  }

  @Test(arguments: ["softmax", "svm", "regression"])
  func aNetworkTrainsFurtherWithTheLossOfItsLastLayer(last: String) throws {
    let training = try load(Self.json(last: last))
    #expect(training.network.layers.map(\.kind) == ["dense", "tanh", "dropout", "dense"])
    let before = try #require(training.evaluation).loss
    for _ in 0..<40 { try training.train() }
    try training.catchUp()
    #expect(try #require(training.evaluation).loss < before)
    #expect(!training.trainer.parameters.contains { $0.hasSuffix("probability") })
    var listener = FrameListener()
    #expect(try training.frame(for: &listener).cloud?.units.map(\.layer) == [1, 3])

    let saved = try TrainSnapshot(TrainSnapshot(training).json())
    let again = try Training(saved, TrainData(mnist: nil).examples(saved.design.data))
    #expect(again.step == 40)
    #expect(again.evaluation?.loss == training.evaluation?.loss)
  }

  @Test func aPictureOf24PixelsIsTheMiddleOfADigit() throws {
    let digits = try TrainData(mnist: nil).examples(DataChoice(kind: .digits))
    let all = try digits.inputs([3])
    let middle = try digits.fitted(to: [1, 24, 24]).inputs([3])
    #expect(middle.shape == [1, 1, 24, 24])
    #expect(middle.elements(as: Float.self)[24 * 5 + 7] == all.elements(as: Float.self)[28 * 7 + 9])
  }

  @Test(arguments: [
    (
      json(last: "softmax", depth: 3),
      "the network reads 3 × 1 × 1 numbers; the page has data for 2 × 1 × 1, 1 × 24 × 24 and "
        + "1 × 28 × 28"
    ),
    (
      json(last: "softmax", scores: 3),
      "the network's output is float32[1,3]; the data has 2 classes"
    ),
    (
      json(last: "relu"),
      "the network ends in a layer 'relu'; training needs softmax, svm or regression"
    ),
  ])
  func aNetworkWithoutDataIsRefused(json: String, sentence: String) {
    let error = #expect(throws: ServingError.self) { try load(json) }
    #expect(error?.description == sentence)
  }
}
