import Foundation
import ONNX
import ONNXConversion
import Testing

@Suite struct ModelFormTests {
  @Test func contentTellsTheForm() throws {
    #expect(ModelForm(content: try TextExamples.bytes("everything.onnx")) == .onnx)
    #expect(ModelForm(content: try TextExamples.bytes("everything.onnxtxt")) == .text)
    #expect(ModelForm(content: try TextExamples.bytes("everything.json")) == .json)
    #expect(ModelForm(content: []) == .onnx)
    #expect(ModelForm(content: Array(" \n\"g\" (".utf8)) == .text)
    // A model that begins with an operator set: `B` and a length.
    #expect(ModelForm(content: [0x42, 2, 0x10, 21]) == .onnx)
  }

  @Test func filesOfEveryFormHoldTheSameModel() throws {
    let folder = try TemporaryFolder()
    let model = try Model(contentsOf: TextExamples.path("everything.onnx"))
    let expected = try model.serialized()
    for name in ["m.onnx", "m.onnxtxt", "m.json"] {
      let path = folder.path(name)
      #expect(try model.write(to: path, as: ModelForm(forPath: path)).isEmpty)
      #expect(try Model(fileInAnyForm: path).serialized() == expected)
    }
  }

  @Test func externalDataLiesBesideTheText() throws {
    let folder = try TemporaryFolder()
    try folder.write([1, 2, 3, 4], to: "w.bin")
    func read(_ location: String) throws -> Model {
      let path = try folder.write(
        """
        g () => () <uint8[2] w = ["location": "\(location)", "offset": "1", "length": "2"]> {}
        """, to: "m.onnxtxt")
      return try Model(fileInAnyForm: path)
    }
    let initializer = try #require(try read("w.bin").graph.initializers.first)
    #expect(initializer.name == "w")
    #expect(initializer.tensor == Tensor(shape: [2], [2, 3] as [UInt8]))
    let error = #expect(throws: ConversionError.self) { try read("../w.bin") }
    #expect(error?.description.contains("m.onnxtxt: line 1, column") == true)
  }
}
