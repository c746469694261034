import ONNXAudio
import ONNXFormat

/// Recordings (.wav) in a folder with a subfolder for each class, named after the class, as in Speech
/// Commands (Warden, 2018). Subfolders whose names begin with `_` are ignored. A file
/// `testing_list.txt` lists the recordings to test with, as `CLASS/FILE`, one on a line.
///
/// Batches have the tensors `audio`, float32 `[N, T]`, and `label`, int64 `[N]`. Recordings are
/// read when their batch is made: the mean of their channels, at one sample rate, cut or followed by
/// zeros to one length.
package struct SoundFolder: ExampleSource {
  /// The names of the classes in the order of their labels.
  package let classNames: [String]
  /// The number of samples per second: that of the first recording.
  package let rate: Int
  /// The indices of the recordings to test with; `nil` if the folder does not list them.
  package let tests: Set<Int>?
  private let files: [(path: String, label: Int)]
  private let length: Int

  package var count: Int { files.count }

  /// Lists the recordings of a folder.
  /// - Parameter seconds: The length of an example.
  /// - Throws: `DataError` if there are no classes, or one has no recordings.
  package init(_ folder: String, seconds: Double) throws(DataError) {
    guard isDataFolder(folder) else {
      throw DataError("expected a folder with a subfolder for each class, found none", in: folder)
    }
    let classes = try folderEntries(folder).filter {
      !$0.hasPrefix("_") && isDataFolder("\(folder)/\($0)")
    }
    var files: [(path: String, label: Int)] = []
    var places: [String: Int] = [:]
    for (label, name) in classes.enumerated() {
      let recordings = try folderEntries("\(folder)/\(name)").filter {
        $0.lowercased().hasSuffix(".wav")
      }
      guard !recordings.isEmpty else {
        throw DataError("expected recordings (.wav), found none", in: "\(folder)/\(name)")
      }
      for recording in recordings {
        places["\(name)/\(recording)"] = files.count
        files.append(("\(folder)/\(name)/\(recording)", label))
      }
    }
    guard classes.count >= 2 else {
      throw DataError("expected at least 2 subfolders of recordings, found fewer", in: folder)
    }
    let list = "\(folder)/testing_list.txt"
    if dataExists(list) {
      var tests: Set<Int> = []
      for line in try readTextData(list).split(whereSeparator: \.isNewline) {
        guard let place = places[String(line)] else {
          throw DataError(
            "expected a recording of the folder, found \(String(line).quoted)", in: list)
        }
        tests.insert(place)
      }
      guard !tests.isEmpty, tests.count < files.count else {
        throw DataError(
          "expected some of the \(files.count) recordings, found all or none", in: list)
      }
      self.tests = tests
    } else {
      tests = nil
    }
    rate = try Self.read(files[0].path).rate
    guard case let length = (seconds * Double(rate)).rounded(), length >= 1, length < 1e8 else {
      throw DataError("expected examples of at least one sample, got \(seconds) s", in: folder)
    }
    self.length = Int(length)
    self.classNames = classes
    self.files = files
  }

  private static func read(_ path: String) throws(DataError) -> Sound {
    do { return try Sound(contentsOf: path) } catch { throw DataError("\(error)") }
  }

  package func batch(of examples: [Int]) throws(DataError) -> Batch {
    var sounds: [(samples: [Float], label: Int)] = []
    for example in examples {
      let file = files[example]
      let sound = try Self.read(file.path).mono
      do {
        sounds.append((try sound.resampled(to: rate).fitted(to: length).samples, file.label))
      } catch { throw DataError("\(error)", in: file.path) }
    }
    return try .sounds(sounds)
  }
}
