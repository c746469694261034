import Foundation
import ONNX
import Testing

/// Files of other formats that are given as a model.
struct ForeignFileTests {
  let folder: TemporaryFolder
  init() throws { folder = try TemporaryFolder() }

  private func sentence(_ path: String) throws -> String {
    do {
      _ = try Model(contentsOf: path)
      return "it was read"
    } catch { return "\(error)" }
  }

  private static let zeros = [UInt8](repeating: 0, count: 40)
  private static func text(_ text: String) -> [UInt8] { Array(text.utf8) }

  /// A GraphDef with a placeholder, a SavedModel, and a Core ML specification.
  private static let graph = Wire().message(
    1, Wire().text(1, "input").text(2, "Placeholder")
  ).bytes
  private static let saved = Wire().varint(1, 1).message(
    2, Wire().message(1, Wire().text(4, "serve"))
  ).bytes
  private static let core = Wire().varint(1, 4).message(
    2, Wire().message(1, Wire().text(1, "image"))
  ).message(500, Wire().text(1, "x")).bytes

  static let kinds: [(name: String, content: [UInt8], phrase: String)] = [
    ("a.h5", [0x89] + text("HDF\r\n\u{1A}\n") + zeros, "a Keras (HDF5) file"),
    ("a.tflite", [0x1C, 0, 0, 0] + text("TFL3") + zeros, "a TensorFlow Lite model"),
    ("a.ort", [0x1C, 0, 0, 0] + text("ORTM") + zeros, "ORT format"),
    ("a.gguf", text("GGUF") + [3, 0, 0, 0] + zeros, "a GGUF file"),
    (
      "a.safetensors", [2, 0, 0, 0, 0, 0, 0, 0] + text("{\"a\":{}}"),
      "a safetensors file, which holds weights and no graph"
    ),
    ("graph.pb", graph, "a frozen TensorFlow graph"),
    ("saved_model.pb", saved, "a TensorFlow SavedModel"),
    ("a.mlmodel", core, "a Core ML model"),
    ("a.engine", text("ftrt") + zeros, "a TensorRT engine"),
    ("a.xml", text("<?xml version=\"1.0\"?>\n<net name=\"a\">"), "an OpenVINO model"),
    ("a.npy", [0x93] + text("NUMPY") + zeros, "a NumPy array"),
    ("a.pkl", [0x80, 4, 0x95] + zeros, "a Python pickle"),
    (
      "a.onnx",
      text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1234\n"),
      "a Git LFS pointer (the file has 1234 bytes), not an ONNX model; the file itself is fetched "
        + "by: git lfs pull"
    ),
    ("a.onnx", text("\n<!DOCTYPE html>\n<html>"), "a web page (HTML)"),
    ("a.onnx", text("{\"error\":\"Not found\"}"), "JSON that begins '{\"error\""),
    ("a.onnx", text("Entry not found"), "a text that begins 'Entry not found'"),
    ("a.onnx", text("<?xml version='1.0'?><Error/>"), "an XML message of a server"),
    ("a.onnx", [UInt8](repeating: 0, count: 5000), "a file of zeros"),
    (
      "a.onnxtxt", text("# a model\n<ir_version: 8>\ng () => () {}"),
      "a model as text, which onnx-convert reads; convert it first: onnx-convert"
    ),
    ("a.onnx", [0xFF, 0xFE, 0x69, 0, 0x72, 0], "a text in UTF-16"),
    ("a.onnx", [0x1F, 0x8B, 8, 8, 0, 0, 0, 0, 0, 3] + text("m.onnx\u{0}"), "around 'm.onnx'"),
    ("a.onnx", [0x28, 0xB5, 0x2F, 0xFD] + zeros, "zstd -d"),
    ("a.onnx", [0x37, 0x7A, 0xBC, 0xAF, 0x27, 0x1C] + zeros, "a 7z archive"),
    ("a.onnx", text("PK\u{3}\u{4}") + zeros, "a zip archive that is cut off"),
    ("a.onnx", [], "the file is empty"),
  ]

  @Test(arguments: kinds.indices)
  func aFileOfAnotherFormatIsNamed(index: Int) throws {
    let kind = Self.kinds[index]
    let path = try folder.write(kind.content, to: kind.name)
    let sentence = try sentence(path)
    #expect(sentence.hasPrefix(path + ": ") && sentence.contains(kind.phrase), "\(sentence)")
    #expect(!sentence.contains("FILE") && !sentence.contains("\n"))
  }

  @Test func bytesAreNamedToo() {
    #expect {
      try Model(serialized: Self.text("<html></html>"))
    } throws: {
      "\($0)".contains("a web page (HTML), not an ONNX model")
    }
  }

  @Test func foldersAreNamed() throws {
    try folder.write(Self.saved, to: "saved/saved_model.pb")
    #expect(try sentence(folder.path("saved")).contains("--saved-model \(folder.path("saved"))"))
    try folder.write("{}", to: "a.mlpackage/Manifest.json")
    try folder.makeFolder("a.mlpackage/Data/com.apple.CoreML")
    #expect(try sentence(folder.path("a.mlpackage")).contains("a Core ML package"))
    try folder.write("", to: "net/model.onnx")
    #expect(
      try sentence(folder.path("net")).hasSuffix(
        "give the file in it: \(folder.path)/net/model.onnx"))
    try folder.makeFolder("empty")
    #expect(try sentence(folder.path("empty")).contains("is a directory"))
  }

  @Test func aZipArchiveNamesTheModelInIt() throws {
    // What Python's zipfile writes for an empty entry folder/model.onnx.
    let name = Self.text("folder/model.onnx")
    let fields: [UInt8] = [20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0] + [UInt8](repeating: 0, count: 12)
    let local = Self.text("PK\u{3}\u{4}") + fields + [17, 0, 0, 0] + name
    let entry =
      Self.text("PK\u{1}\u{2}") + [20, 0] + fields + [17, 0] + [UInt8](repeating: 0, count: 16)
      + name
    let end =
      Self.text("PK\u{5}\u{6}") + [0, 0, 0, 0, 1, 0, 1, 0, UInt8(entry.count), 0, 0, 0]
      + [UInt8(local.count), 0, 0, 0, 0, 0]
    let path = try folder.write(local + entry + end, to: "model.zip")
    #expect(try sentence(path).contains("a zip file around 'folder/model.onnx', not an ONNX model"))
  }

  @Test func aDamagedModelIsNotTakenForAnotherFormat() throws {
    let model = Wire().varint(1, 8).text(2, "pytorch").bytes
    #expect(try sentence(folder.write(model, to: "a.onnx")).contains("it has no graph"))
    let cut = Array((model + Wire().message(7, Wire().text(2, "graph")).bytes).dropLast(2))
    #expect(try !sentence(folder.write(cut, to: "b.onnx")).contains("not an ONNX model;"))
  }
}
