import Foundation
import ONNX
import Testing

@Suite struct BadFileTests {
  let folder: Folder
  init() throws { folder = try Folder() }

  @Test(arguments: ["run", "inspect", "bench"])
  func refusesWhatIsNoModel(command: String) throws {
    try expectStop([command, folder.path("none.onnx")], "No such file")
    try expectStop([command, folder.path], "directory")
    try expectStop([command, folder.write("", to: "empty.onnx")], "empty")
    try expectStop([command, folder.write("This is no model.\n", to: "text.onnx")])
    try expectStop([command, packageFile("models/digits/7.png")])
    try expectStop([command, "/dev/null"])
  }

  @Test(arguments: ["run", "inspect", "bench"])
  func namesAFileOfAnotherFormat(command: String) throws {
    let page = try folder.write("<!DOCTYPE html>\n<html></html>\n", to: "page.onnx")
    try expectStop([command, page], "page.onnx: a web page (HTML), not an ONNX model")
    let keras = packageFile("Tests/ConversionTests/Files/Foreign/keras3.h5")
    try expectStop(
      [command, keras], "a Keras (HDF5) file, not an ONNX model; its weights can be read")
  }

  @Test func refusesAModelCutShort() throws {
    let whole = try Data(contentsOf: URL(fileURLWithPath: packageFile("models/lenet5.onnx")))
    for count in [1, 10, 100, 5000, whole.count / 2, whole.count - 1000] {
      let path = folder.path("cut.onnx")
      try whole.prefix(count).write(to: URL(fileURLWithPath: path))
      try expectStop([path], "cut.onnx")
    }
  }

  @Test func namesTheNodeOfAnUnknownOperator() throws {
    let model = Model(
      [Node("NoSuch", name: "n1", inputs: ["x"], outputs: ["y"])],
      inputs: [ValueInfo("x", .tensor(.float32, [1]))],
      outputs: [ValueInfo("y", .tensor(.float32, [1]))])
    let path = try folder.write(model)
    try expectStop([path], "node 'n1' (NoSuch): no operator 'NoSuch' in domain 'ai.onnx'")
    let shown = try Tool("inspect", path)
    #expect(shown.status == 2)
    #expect(shown.output.contains("y = NoSuch(x)"))
  }

  @Test func escapesWhatAFileNames() throws {
    var model = Model.relu()
    model.graph.nodes[0].name = "a\u{1B}[31m\nb"
    model.graph.nodes[0].operatorType = "No\nSuch"
    try expectStop([folder.write(model)], "node 'a\\u{1b}[31m\\u{a}b' (No\\u{a}Such)")
  }
}
