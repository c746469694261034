import ONNX
import ONNXAudio
import Testing
import ToolSupport

/// Sounds as inputs of `onnx-run`.
@Suite struct SoundInputTests {
  let folder: Folder
  let sound: String

  init() throws {
    folder = try Folder()
    sound = folder.path("hello.wav")
    try Sound(rate: 8000, channels: 2, samples: [0.5, 0.25, -0.5, -0.25, 0.5, 0])
      .writeWAV(to: sound)
  }

  /// The value that the tool gives an input of this shape.
  private func value(_ shape: Shape, _ arguments: String...) throws -> Tensor? {
    let model = try folder.write(
      Model(
        [Node("Identity", inputs: ["x"], outputs: ["y"])],
        inputs: [ValueInfo("x", .tensor(.float32, shape))],
        outputs: [ValueInfo("y", .tensor(.float32, shape))]))
    let tool = try Tool(
      [model, "--input", "x=\(sound)", "--output-dir", folder.path] + arguments)
    #expect(tool.status == 0, "\(tool.errors)")
    return try readValue(folder.path("y.npy"), nil).tensor
  }

  @Test func takesTheLayoutOfTheInput() throws {
    let mono: [Float] = [0.375, -0.375, 0.25]
    #expect(try value(["T"]) == Tensor(shape: [3], mono))
    #expect(try value(["N", "T"]) == Tensor(shape: [1, 3], mono))
    #expect(try value([1, 1, "T"]) == Tensor(shape: [1, 1, 3], mono))
    #expect(try value(["N", "T", 1]) == Tensor(shape: [1, 3, 1], mono))
    #expect(try value([1, 5]) == Tensor(shape: [1, 5], mono + [0, 0]))
    let left: [Float] = [0.5, -0.5, 0.5]
    let right: [Float] = [0.25, -0.25, 0]
    #expect(try value([2, "T"]) == Tensor(shape: [2, 3], left + right))
    #expect(try value(["N", "C", "T"]) == Tensor(shape: [1, 2, 3], left + right))
    #expect(
      try value([1, "T", 2])
        == Tensor(shape: [1, 3, 2], [0.5, 0.25, -0.5, -0.25, 0.5, 0] as [Float]))
  }

  @Test func convertsTheSampleRate() throws {
    #expect(try value(["N", "T"], "--sample-rate", "16000")?.shape == [1, 6])
    var model = Model.relu(["N", "T"])
    model.metadata = [
      MetadataEntry(key: "sample_rate", value: "4000"),
      MetadataEntry(key: "classes", value: #"["yes", "no"]"#),
    ]
    let path = try folder.write(model)
    let tool = try Tool(path, "--input", sound)
    #expect(tool.lines.first?.hasPrefix("y float32[1,2] ") == true, "\(tool.errors)")
    // The classes are named in the metadata.
    #expect(tool.output.contains("  yes  "))
    model.metadata[0].value = "fast"
    try expectStop(
      [folder.write(model), "--input", sound],
      "the metadata 'sample_rate': expected a number of samples per second, found 'fast'")
  }

  @Test func refusesWhatDoesNotFit() throws {
    let short = try folder.write(.relu([1, 2]), to: "short.onnx")
    try expectStop(
      [short, "--input", sound], "hello.wav: expected float32[1,2], got a sound of 3 samples")
    let batch = try folder.write(.relu([2, 1, "T"]), to: "batch.onnx")
    try expectStop([batch, "--input", sound], "got a single sound")
    let three = try folder.write(.relu([1, 3, "T"]), to: "three.onnx")
    try expectStop([three, "--input", sound], "got a sound of 2 channels")
    let picture = try folder.write(.relu([1, 3, 8, 8]), to: "picture.onnx")
    try expectStop([picture, "--input", sound], "expected float32[1,3,8,8], got a sound")
    let x = try folder.write([1, 2], [1, 2] as [Float], to: "x.pb")
    try expectStop(
      [short, "--input", x, "--sample-rate", "8000"], "--sample-rate: no input is a sound")
    try expectStop([short, "--input", sound, "--sample-rate", "0"], "--sample-rate")
    let cut = try folder.write(Array("RIFF____WAVEfmt ".utf8), to: "cut.wav")
    try expectStop([short, "--input", cut], "cut.wav: ")
    try expectStop([short, "--input", x, "--expect", sound], "a sound can only be an input")
  }
}
