import ONNX
import ONNXAudio
import ONNXPlots
import ToolSupport

extension SoundData {
  /// Writes all sounds as .wav files in a subfolder for each class, and the list of those to test
  /// with, as `SoundFolder` reads them.
  /// - Throws: `Failure` for a folder that exists already, and if a file cannot be written.
  func write(to folder: String) throws {
    guard !fileExists(folder) else { throw Failure("\(folder): exists already") }
    for name in classNames { try makeFolder("\(folder)/\(name)") }
    var list = ""
    for (part, source) in [("train", training), ("test", test)] {
      for index in 0..<source.count {
        let batch = try source.batch(of: [index])
        guard let audio = batch.tensors["audio"], let labels = batch.tensors["label"] else {
          return
        }
        let name = classNames[Int(labels.elements(as: Int64.self)[0])]
        let file = "\(name)/\(part)-\(index / classNames.count + 1).wav"
        try Sound(rate: rate, samples: audio.array(as: Float.self))
          .writeWAV(to: "\(folder)/\(file)")
        if part == "test" { list += file + "\n" }
      }
    }
    try writeText(list, to: "\(folder)/testing_list.txt")
  }

  /// Writes a picture with the log-mel spectrum of a test sound of each class.
  func writeSpectra(to path: String) throws -> String? {
    let front = try Session(
      LogMel(rate: rate).model(input: "audio", ["N", "T"], output: "mel"))
    var tiles: [Tensor] = []
    var names: [String] = []
    for (name, audio) in try examples() {
      guard let mel = try front.run(["audio": audio])["mel"] else { return nil }
      let (bands, frames) = (mel.shape[1], mel.shape[2])
      let values = try mel.array(as: Float.self)
      // The lowest band is at the bottom.
      let rows = (0..<bands).reversed().flatMap { values[$0 * frames..<($0 + 1) * frames] }
      tiles.append(Tensor(shape: [1, bands, frames], rows))
      names.append(name)
    }
    var sheet = TileSheet("Log-mel spectra: time to the right, pitch upwards", tiles)
    sheet.labels = names
    sheet.columns = 4
    sheet.zoom = 3
    do { try sheet.image().writePNG(to: path) } catch { throw Failure(path, error) }
    return "spectra: \(path)"
  }
}
