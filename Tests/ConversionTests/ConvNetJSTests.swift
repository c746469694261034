import Foundation
import ONNX
import Testing

@testable import ONNXConversion

/// The networks and their outputs were written by `tools/generate/convnetjs_files.py`.
@Suite struct ConvNetJSTests {
  private struct File: Decodable {
    struct Example: Decodable {
      let input: [Float]
      let output: [Float]
    }
    let example: Example
  }

  private func path(_ name: String) -> String { reference("ConvNetJS/\(name).json") }

  @Test(arguments: [
    ("picture", [1, 3, 7, 9], [1, 4]), ("points", [1, 2, 1, 1], [1, 3]),
    ("groups", [1, 2, 3, 4], [1, 3]), ("maps", [1, 2, 4, 3], [1, 12]),
    ("volume", [1, 2, 2, 3], [1, 2, 2, 3]),
  ])
  func networksComputeWhatConvNetJSDoes(name: String, input: [Int], output: [Int]) throws {
    let bytes = try bytes(of: path(name))
    let example = try JSONDecoder().decode(File.self, from: Data(bytes)).example
    let session = try Session(Model(inAnyForm: bytes))
    let result = try #require(
      try session.run(["input": Tensor(shape: input, example.input)])["output"])
    #expect(result.shape == output)
    for (a, b) in zip(try result.array(as: Float.self), example.output) {
      #expect(abs(a - b) < 1e-6, "\(a) \(b)")
    }
  }

  /// Two inputs, weights 1 and 2, bias 0.5.
  private func network(_ layers: String) -> [UInt8] {
    let input = #"{"layer_type":"input","out_sx":1,"out_sy":1,"out_depth":2}"#
    return Array(#"{"layers":[\#(input)\#(layers.isEmpty ? "" : ",")\#(layers)]}"#.utf8)
  }

  private func fullyConnected(
    w: String = #"{"1":2,"0":1}"#, biases: String = "[0.5]", count: String = "1",
    inputs: String = "2", sx: String = "1"
  ) -> String {
    """
    {"out_depth":\(count),"out_sx":1,"out_sy":1,"layer_type":"fc","num_inputs":\(inputs),
    "filters":[{"sx":\(sx),"sy":1,"depth":2,"w":\(w)}],
    "biases":{"sx":1,"sy":1,"depth":1,"w":\(biases)}}
    """
  }

  @Test func aProductIsAsComputedByHand() throws {
    let model = try Model(inAnyForm: network(fullyConnected()))
    let output = try Session(model).run(["input": Tensor(shape: [1, 2, 1, 1], [3, 5] as [Float])])
    #expect(try output["output"]?.array(as: Float.self) == [13.5])
  }

  @Test func modelsInJSONAreStillRead() throws {
    let model = try Model(contentsOf: TextExamples.path("everything.onnx"))
    #expect(try Model(inAnyForm: model.json()).serialized() == model.serialized())
  }

  @Test func filesThatAreNotNetworksAreRefusedWithAReason() throws {
    let pool = #"{"layer_type":"pool","out_sx":1,"out_sy":1,"out_depth":2,"stride":2,"#
    for (text, reason) in [
      (fullyConnected(w: "[1]"), "a volume 1×1×2 has 1 numbers 'w'"),
      (fullyConnected(w: #"{"0":1,"2":2}"#), "do not have the indices 0 to 1"),
      (fullyConnected(w: #"{"0":1,"0":2}"#), "do not have the indices 0 to 1"),
      (fullyConnected(w: #"{"a":1}"#), "expected an index of 'w', found 'a'"),
      (fullyConnected(w: "[1,null]"), "the number 1 of 'w' is null: it was not finite"),
      (fullyConnected(w: "[1,1e39]"), "the number 1 of 'w' is too large for float32"),
      (fullyConnected(w: "[1,NaN]"), "expected a number"),
      (fullyConnected(sx: "2e8"), "has more than 268435456 elements"),
      (fullyConnected(sx: "1e99"), "sx: expected a whole number from 1 to 268435456, got 1e+99"),
      (fullyConnected(sx: "0"), "sx: expected a whole number from 1 to 268435456, got 0.0"),
      (fullyConnected(count: "2"), "layer 1 ('fc'): out_depth is 2, but there are 1 filters"),
      (fullyConnected(inputs: "3"), "num_inputs: expected 2, the elements of 1×1×2, got 3.0"),
      (fullyConnected(biases: "[]"), "a volume 1×1×1 has 0 numbers 'w'"),
      (#"{"layer_type":"deconv"}"#, "layer 1 ('deconv'): unknown type; expected conv, pool"),
      (#"{"layer_type":"relu","out_sx":1,"out_sy":1}"#, "the field 'out_depth' is missing"),
      (
        #"{"layer_type":"relu","out_sx":1,"out_sy":1,"out_depth":3}"#,
        "the output is stated as 1×1×3, but follows as 1×1×2"
      ),
      (#"{"layer_type":"input"}"#, "a network has one input"),
      (#"{"out_sx":1}"#, "a layer has no 'layer_type'"),
      (#"{"layer_type":"dropout"}"#, "the field 'drop_prob' is missing"),
      (pool + #""sx":2,"sy":2}"#, "the window 2×2 is larger than the padded input 1×1×2 (pad 0)"),
      (pool + #""sx":1,"sy":1,"pad":1}"#, "pad: expected less than the window's 1, got 1"),
      (pool + #""sx":1,"sy":1.5}"#, "sy: expected a whole number from 1 to 65536, got 1.5"),
      (
        #"{"layer_type":"maxout","group_size":3}"#,
        "group_size: expected at most the 2 channels, got 3"
      ),
    ] {
      let error = #expect(throws: ConversionError.self, "\(text)") {
        try Model(inAnyForm: network(text))
      }
      #expect(error?.description.contains(reason) == true, "\(error?.description ?? "") \(text)")
    }
  }

  @Test func anErrorNamesTheFile() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write(network(#"{"layer_type":"deconv"}"#), "net.json")
    let error = #expect(throws: ConversionError.self) { try Model(fileInAnyForm: path) }
    #expect(error?.description.hasPrefix("\(path): layer 1 ('deconv'): unknown type") == true)
  }

  @Test func aFileWithoutAnInputLayerIsRefused() throws {
    for (text, reason) in [
      (#"{"layers":[]}"#, "a ConvNetJS network begins with a layer 'input', got no layer"),
      (#"{"layers":[{"layer_type":"relu"}]}"#, "begins with a layer 'input', got 'relu'"),
      (#"{"layers":[],"layers":[]}"#, "the object has 'layers' twice"),
      (#"{"layers":3}"#, "expected '['"),
      (
        #"{"layers":[{"layer_type":"input","out_sx":65536,"out_sy":65536,"out_depth":9}]}"#,
        "the volume 65536×65536×9 has more than 268435456 elements"
      ),
      (
        #"{"layers":["# + repeatElement(#"{"layer_type":"relu"},"#, count: 1001).joined() + "{}]}",
        "the network has more than 1000 layers"
      ),
      (#"{"layers":[{"layer_type":"input","filters":[{}]}]}"#, "the field 'sx' is missing"),
      (String(repeating: #"{"layers":["#, count: 40), "nested deeper than 32"),
    ] {
      let error = #expect(throws: ConversionError.self, "\(text)") {
        try Model(inAnyForm: Array(text.utf8))
      }
      #expect(error?.description.contains(reason) == true, "\(error?.description ?? "") \(text)")
    }
  }
}
