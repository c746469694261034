import ONNX
import ONNXAudio
import Testing

/// Sounds as training data, and the layers that take them.
@Suite struct SoundTests {
  let folder: TemporaryFolder
  init() throws { folder = try TemporaryFolder() }

  /// Numbers of tools/generate/sounds.py: torch.stft with the standard's mel weights.
  @Test func logMelIsThatOfPyTorch() throws {
    var layer = LogMel(rate: 8000)
    (layer.bands, layer.frame) = (5, 32)
    let x: [Float] = (0..<80).map { (i: Int) in Float(7 * i * i % 31) / 31 - 0.5 }
    let model = try layer.model(input: "x", ["N", "T"], output: "y")
    let y = try #require(Session(model).run(["x": Tensor(shape: [1, 80], x)])["y"])
    // [frames, bands]
    let expected: [Float] = [
      -1.397535, -0.80142, -2.055436, 1.166602, 1.292686, -0.06956929, -3.733233, -0.4927861,
      0.7395788, 1.846799, -1.188312, -0.8517313, -1.938331, 1.154787, 1.278902, 0.0007611807,
      -3.478468, -0.5266611, 0.7457155, 1.808472,
    ]
    #expect(y.shape == [1, 5, 4])
    let values = try y.array(as: Float.self)
    for frame in 0..<4 {
      for band in 0..<5 {
        let difference: Float = values[band * 4 + frame] - expected[frame * 5 + band]
        #expect(abs(difference) < 1e-4)
      }
    }
  }

  @Test(arguments: [(8000, 256), (16000, 512), (44100, 1024), (300, 16)])
  func framesLastAbout32Milliseconds(rate: Int, frame: Int) {
    #expect(LogMel(rate: rate).frame == frame)
  }

  @Test func everyKindOfSoundIsDifferentAndRepeatable() throws {
    let task = SoundTask(count: 24, seed: 3)
    let batch = try task.batch(of: Array(0..<24))
    let audio = try #require(batch.tensors["audio"])
    #expect(audio.shape == [24, 8000])
    let samples = try audio.array(as: Float.self)
    #expect(samples.allSatisfy { abs($0) <= 1 })
    #expect(task.sound(13).samples == Array(samples[13 * 8000..<14 * 8000]))
    let middles: Set<Float> = Set((0..<24).map { (row: Int) in samples[row * 8000 + 4000] })
    #expect(middles.count == 24)
    let labels = try #require(batch.tensors["label"]).array(as: Int64.self)
    #expect(labels == Array(0..<12) + Array(0..<12))
  }

  /// A folder of two classes with three recordings each, at 8 and 16 kHz.
  private func recordings(list: String? = nil) throws -> String {
    for (name, level) in [("no", Float(0.25)), ("yes", -0.5)] {
      for index in 0..<3 {
        try folder.write("", to: "\(name)/notes.txt")
        let rate = index == 2 ? 16000 : 8000
        try Sound(rate: rate, samples: [Float](repeating: level, count: 4000))
          .writeWAV(to: folder.path("\(name)/\(index).wav"))
      }
    }
    try folder.write("", to: "_background_noise_/hum.wav")
    if let list { try folder.write(list, to: "testing_list.txt") }
    return folder.path
  }

  @Test func readsAFolderLikeSpeechCommands() throws {
    let source = try SoundFolder(recordings(list: "yes/1.wav\nno/2.wav\n"), seconds: 0.75)
    #expect(source.classNames == ["no", "yes"] && source.rate == 8000 && source.count == 6)
    #expect(source.tests == [2, 4])
    let batch = try source.batch(of: [2, 4])
    let audio = try #require(batch.tensors["audio"])
    #expect(audio.shape == [2, 6000])
    let samples = try audio.array(as: Float.self)
    // Half a second at 8 kHz, a quarter of a second at 16 kHz; silence follows.
    let quarter: Float = abs(samples[1000] - 0.25)
    #expect(quarter < 0.01 && samples[2500] == 0)
    #expect(samples[9999] == -0.5 && samples[10000] == 0)
    #expect(try #require(batch.tensors["label"]).array(as: Int64.self) == [0, 1])
  }

  @Test func refusesFoldersWithoutClasses() throws {
    let path = try recordings()
    #expect(try SoundFolder(path, seconds: 1).tests == nil)
    expectDataError("found none") { try SoundFolder(folder.path("yes/0.wav"), seconds: 1) }
    expectDataError("at least 2 subfolders") { try SoundFolder(folder.path("yes"), seconds: 1) }
    expectDataError("at least one sample") { try SoundFolder(path, seconds: 1e-9) }
    try folder.write("yes/9.wav\n", to: "testing_list.txt")
    expectDataError("found 'yes/9.wav'") { try SoundFolder(path, seconds: 1) }
    try folder.write("", to: "testing_list.txt")
    expectDataError("found all or none") { try SoundFolder(path, seconds: 1) }
    try folder.write("", to: "empty/readme.txt")
    expectDataError("expected recordings (.wav)") { try SoundFolder(path, seconds: 1) }
  }

  @Test(arguments: [ArchitectureName.soundCNN, .soundGRU])
  func recipesNameClassesAndRate(name: ArchitectureName) throws {
    var options = RecipeOptions { _, _ in Tensor(Float(0)) }
    options.data = try recordings()
    options.seconds = 0.5
    let recipe = try name.recipe(options)
    #expect(recipe.model.metadataValue("classes") == #"["no", "yes"]"#)
    #expect(recipe.model.metadataValue("sample_rate") == "8000")
    // The filters of the spectrum are not trained.
    let trainer = try Trainer(recipe.model, recipe.options)
    #expect(trainer.parameters.allSatisfy { !$0.hasPrefix("mel.") }, "\(trainer.parameters)")
    _ = try trainer.train(on: recipe.training.batch(epoch: 0, index: 0), rate: 1e-3)
    #expect(try trainer.model.graph.nodes.contains { $0.operatorType == "MelWeightMatrix" })
    let examples = try SoundData(folder: folder.path, seconds: 1, seed: 1).examples()
    #expect(examples.allSatisfy { $0.audio.shape == [1, 8000] })
    options.data = nil
    expectDataError("last one second") { try name.recipe(options) }
  }
}
