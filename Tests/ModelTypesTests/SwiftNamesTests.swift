import Testing

@testable import onnx_model_types

@Suite struct SwiftNamesTests {
  @Test(arguments: [
    ("image", "image"), ("h_out", "h_out"), ("_x", "_x"), ("inputIDs", "inputIDs"),
    ("conv1.weight", "conv1Weight"), ("input:0", "input0"), ("input-ids", "inputIds"),
    ("/layer 1/out put/", "layer1OutPut"), ("1st", "_1st"), ("größe", "größe"), ("入力.1", "入力1"),
    ("a\u{300}b", "a\u{300}b"), ("\u{300}b", "_\u{300}b"), ("x\u{202E}y\n\"", "xY"),
    ("👍", "value"), ("", "value"), ("__", "value"), ("._", "value"), ("$0", "_0"),
    ("self", "self_"), ("init", "init_"), ("Type", "Type_"), ("Tensor", "Tensor_"), ("in", "in"),
  ])
  func namesBecomeMembers(_ name: String, _ identifier: String) {
    #expect(SwiftName.member(name) == identifier)
  }

  @Test(arguments: [
    ("lenet5", "Lenet5"), ("char_lstm", "CharLstm"), ("ResNet-50 v2", "ResNet50V2"),
    ("model", "Model"), ("3d-unet", "Model3dUnet"), ("tensor", "TensorModel"),
    ("self", "SelfModel"), ("größe", "Größe"), ("---", "Model"), ("a.b", "AB"),
  ])
  func fileNamesBecomeTypes(_ stem: String, _ type: String) {
    #expect(SwiftName.type(stem) == type)
  }

  @Test func keywordsGetBackticks() {
    #expect(SwiftName.source("in") == "`in`")
    #expect(SwiftName.source("default") == "`default`")
    #expect(SwiftName.source("image") == "image")
  }

  @Test func duplicatesGetNumbersAndIdentifiersKeepTheirNames() {
    var names = SwiftNames()
    #expect(
      names.identifiers(for: ["x.1", "x:1", "x1", "1", "_1", "", "👍"])
        == ["x1_2", "x1_3", "x1", "_1_2", "_1", "value", "value_2"])
    #expect(names.identifier(for: "x1") == "x1_4")
  }

  @Test func longNamesAreCut() {
    #expect(SwiftName.member(String(repeating: "a", count: 100_000)).count == 200)
  }
}
