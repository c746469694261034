import Glibc
import ONNXFormat
import ONNXSupport

/// The list of the parts that a folder of results has, `manifest.txt`, by which a run resumes.
///
/// `input STEM SIZE TIME PATH` precedes the first part of a file, `part NAME ROWS BYTES` states a whole
/// part, `done STEM PARTS` a whole file. A part is whole if its file has as many bytes. The lock on the
/// file keeps other runs away.
///
/// `@unchecked Sendable`: the threads use it one after the other, except for `parts`, which only the
/// reader reads and nobody changes after `init`.
final class Manifest: @unchecked Sendable {
  private let folder: String
  private let path: String
  private let descriptor: Int32
  private var parts: [String: (rows: Int, bytes: Int)] = [:]
  private var done: [String: Int] = [:]
  private var inputs: [String: String] = [:]
  private var known: Set<String> = []

  /// - Parameters:
  ///   - settings: lines on the model and options, which must be the same in all runs
  ///   - overwrite: whether results of other settings are removed
  init(_ folder: String, settings: [String], overwrite: Bool) throws(Failure) {
    self.folder = folder
    try makeFolder(folder)
    path = "\(folder)/manifest.txt"
    descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o666)
    guard descriptor >= 0 else { throw systemFailure(path) }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      throw Failure("\(folder): another run is writing to this folder")
    }
    let text = try readText(path, limit: 1 << 30)
    // The last line of a killed run may be cut.
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(
      String.init)
    let head = ["onnx-run score 1"] + settings + [""]
    if overwrite {
      for line in lines {
        let words = line.split(separator: " ")
        if words.first == "part", words.count == 4, !words[1].contains("/") {
          unlink("\(folder)/\(words[1])")
        }
      }
    } else {
      for (line, now) in zip(lines, head) where line != now {
        throw Failure(
          "\(folder): its results are of other settings: \(line.quoted), now \(now.quoted); "
            + "--overwrite replaces them")
      }
    }
    guard !overwrite, lines.count >= head.count else {
      guard ftruncate(descriptor, 0) == 0 else { throw systemFailure(path) }
      try append(head.joined(separator: "\n"))
      return
    }
    // What follows the last whole line is removed.
    let whole = lines.reduce(0) { $0 + $1.utf8.count + 1 }
    guard ftruncate(descriptor, whole) == 0 else { throw systemFailure(path) }
    for line in lines.dropFirst(head.count) {
      let words = line.split(separator: " ", maxSplits: 4).map(String.init)
      switch (words.first, words.count) {
      case ("part", 4):
        if let rows = Int(words[2]), let bytes = Int(words[3]) { parts[words[1]] = (rows, bytes) }
      case ("done", 3): done[words[1]] = Int(words[2])
      case ("input", 5): inputs[words[1]] = words.dropFirst(2).joined(separator: " ")
      default: throw Failure("\(path): expected a list of parts, found \(line.quoted)")
      }
    }
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  private func append(_ line: String) throws(Failure) {
    let bytes = Array((line + "\n").utf8)
    guard lseek(descriptor, 0, SEEK_END) >= 0, write(descriptor, bytes, bytes.count) == bytes.count
    else { throw systemFailure(path) }
  }

  /// Checks that the parts of a file are of its present contents.
  /// - Throws: `Failure` for a file that has changed since, or another one of its name
  func begin(_ input: ScoreInput) throws(Failure) {
    let identity = try input.identity
    if let known = inputs[input.stem] {
      guard known == identity else {
        throw Failure(
          "\(input.path): parts of it are in \(folder) already, and it has changed since or is another "
            + "file of its name; --overwrite writes all anew")
      }
    } else {
      inputs[input.stem] = identity
      try append("input \(input.stem) \(identity)")
    }
  }

  /// The number of parts of a file, if it is known.
  func partCount(_ stem: String) -> Int? { done[stem] }

  /// The rows of a part that is whole; `nil` if it has to be written.
  func wholePart(_ name: String) -> Int? {
    guard let part = parts[name], let size = try? fileSize("\(folder)/\(name)"), size == part.bytes
    else { return nil }
    return part.rows
  }

  /// Records that a part is whole.
  func add(_ name: String, rows: Int) throws(Failure) {
    try append("part \(name) \(rows) \(fileSize("\(folder)/\(name)"))")
  }

  /// Records that a file is whole.
  func finish(_ stem: String, parts: Int) throws(Failure) {
    if done[stem] != parts { try append("done \(stem) \(parts)") }
  }
}
