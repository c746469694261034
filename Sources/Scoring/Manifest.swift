import Glibc
import ONNXFormat
import ONNXSupport

/// The list of the parts that a folder of results has, `_manifest.txt`, by which a run resumes.
///
/// A part is whole if its file has as many bytes as the list states. The lock on the list keeps other
/// runs away. Spark, Dask and Arrow, which read all files of a folder, pass over names with `_` in front.
///
/// `@unchecked Sendable`: the threads use it one after the other, except for `list`, which nobody
/// changes after `begin`.
final class Manifest: @unchecked Sendable {
  private let folder: String
  private let path: String
  private let descriptor: Int32
  private var list: PartList

  /// - Parameters:
  ///   - given: what is scored, none of which may be a part of the results
  ///   - settings: lines on the model and options, which must be the same in all runs
  ///   - overwrite: whether results of other settings are removed
  init(
    _ folder: String, _ given: [ScoreInput], settings: [String], overwrite: Bool
  ) throws(Failure) {
    self.folder = folder
    try makeFolder(folder)
    path = "\(folder)/_manifest.txt"
    descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o666)
    guard descriptor >= 0 else { throw systemFailure(path) }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      guard errno == EWOULDBLOCK else { throw systemFailure(path) }
      throw Failure("\(folder): another run is writing to this folder")
    }
    let bytes = try Self.contents(descriptor, path)
    do throws(Failure) {
      list = try PartList(bytes, settings: settings, overwrite: overwrite)
    } catch { throw Failure("\(path): \(error)") }
    if !overwrite && list.isOfSettings {
      guard ftruncate(descriptor, off_t(list.byteCount)) == 0 else { throw systemFailure(path) }
      return
    }
    let old = try entries(of: folder).filter { name in
      list.inputs.keys.contains { ScoreInput.isPart(name, of: $0) }
    }.map { "\(folder)/\($0)" }
    try checkKeepsInputs(old, given.tables, unless: nil)
    for part in old { unlink(part) }
    list = PartList()
    guard ftruncate(descriptor, 0) == 0 else { throw systemFailure(path) }
    try append(PartList.head(settings))
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  private static func contents(
    _ descriptor: Int32, _ path: String
  ) throws(Failure) -> [UInt8] {
    let size = lseek(descriptor, 0, SEEK_END)
    guard size >= 0 else { throw systemFailure(path) }
    guard size <= 1 << 30 else {
      throw Failure("\(path): the file is larger than \(1 << 30) bytes")
    }
    var bytes = [UInt8](repeating: 0, count: size)
    var filled = 0
    while filled < size {
      let count = bytes.withUnsafeMutableBytes {
        pread(descriptor, $0.baseAddress.map { $0 + filled }, size - filled, filled)
      }
      guard count > 0 || count < 0 && errno == EINTR else { throw systemFailure(path) }
      filled += max(count, 0)
    }
    return bytes
  }

  private func append(_ text: String) throws(Failure) {
    var bytes = Array(text.utf8)[...]
    guard lseek(descriptor, 0, SEEK_END) >= 0 else { throw systemFailure(path) }
    while !bytes.isEmpty {
      let count = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
      guard count >= 0 || errno == EINTR else { throw systemFailure(path) }
      bytes = bytes.dropFirst(max(count, 0))
    }
  }

  /// Checks that the parts of a file are of its present contents.
  /// - Throws: `Failure` for a file that has changed since, another one of its name, or a part
  func begin(_ input: ScoreInput) throws(Failure) {
    let name = ScoreInput.lastComponent(input.path)
    let part = "\(folder)/\(name)"
    if list.parts[name] != nil, fileExists(part),
      try FileIdentity(part) == FileIdentity(input.path)
    {
      throw Failure("\(input.path): expected rows to score, found a part of the results")
    }
    let identity = try input.identity
    if let known = list.inputs[input.stem], list.parts[input.name(ofPart: 0)] != nil {
      guard known == identity else {
        throw Failure(
          "\(input.path): parts of it are in \(folder) already, and it has changed since or is another "
            + "file of its name; --overwrite writes all anew")
      }
    } else if list.inputs[input.stem] != identity {
      list.begin(input.stem, identity)
      try append("input \(input.stem) \(identity)\n")
    }
  }

  /// Checks before a part is written that its file has not changed while it was read.
  func check(_ input: ScoreInput) throws(Failure) {
    if input.form == .pictures { return }
    let identity = try input.identity
    guard identity == list.inputs[input.stem] else {
      throw Failure("\(input.path): it changed while it was read")
    }
  }

  /// The number of parts of a file, if it is known.
  func partCount(_ stem: String) -> Int? { list.done[stem] }

  /// The rows of a part that is whole; `nil` if it has to be written.
  func wholePart(_ name: String) -> Int? {
    guard let part = list.parts[name], let size = try? fileSize("\(folder)/\(name)"),
      size == part.bytes
    else { return nil }
    return part.rows
  }

  /// Records that a part is whole.
  func add(_ name: String, rows: Int) throws(Failure) {
    try append("part \(name) \(rows) \(fileSize("\(folder)/\(name)"))\n")
  }

  /// Records that a file is whole.
  func finish(_ stem: String, parts: Int) throws(Failure) {
    if list.done[stem] != parts { try append("done \(stem) \(parts)\n") }
  }
}
