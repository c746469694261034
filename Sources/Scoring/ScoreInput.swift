import Glibc
import ONNXFormat
import ONNXSupport
import ONNXTraining

/// A file of rows, or a set of pictures.
package struct ScoreInput: Sendable {
  /// The form of a file.
  package enum Form: String, Sendable {
    case parquet, csv, jsonLines, npz, pictures

    static let endings = ["parquet", "csv", "jsonl", "npz"]

    /// The ending of the files of results.
    var ending: String {
      switch self {
      case .parquet: "parquet"
      case .csv: "csv"
      case .jsonLines, .pictures: "jsonl"
      case .npz: "npz"
      }
    }
  }

  package let form: Form
  /// The path of the file or of the folder with pictures.
  package let path: String
  /// The first part of the names of its results.
  package let stem: String
  let pictures: [String]

  private static let endings: [(String, Form)] = [
    (".parquet", .parquet), (".csv", .csv), (".tsv", .csv), (".jsonl", .jsonLines),
    (".ndjson", .jsonLines), (".npz", .npz), (".csv.gz", .csv), (".tsv.gz", .csv),
    (".jsonl.gz", .jsonLines), (".ndjson.gz", .jsonLines),
  ]

  /// The inputs at some paths. Pictures that are named one by one are one input. A folder without pictures
  /// stands for the tables in it.
  /// - Parameter output: the folder of the results
  /// - Throws: `Failure` for a file of another kind, or none
  package static func all(_ paths: [String], output: String) throws(Failure) -> [ScoreInput] {
    var found: [(form: Form, path: String, name: String, pictures: [String])] = []
    var single: [String] = []
    /// Adds a table, if the file is one.
    func addTable(_ path: String) throws(Failure) -> Bool {
      let name = lastComponent(path)
      guard let (ending, form) = endings.first(where: { name.lowercased().hasSuffix($0.0) }) else {
        return false
      }
      try checkFile(path)
      found.append((form, path, String(name.dropLast(ending.count)), []))
      return true
    }
    for path in paths {
      let name = lastComponent(path)
      if isFolder(path) {
        var seen: Set<FileIdentity> = []
        let pictures = try pictures(in: path, depth: 0, &seen)
        if !pictures.isEmpty {
          found.append((.pictures, path, name == "." ? "pictures" : name, pictures))
        } else {
          let before = found.count
          // Files that Spark and others have not completed begin with "_".
          for file in try files(of: path)
          where !lastComponent(file).hasPrefix("_") && !isFolder(file) {
            _ = try addTable(file)
          }
          guard found.count > before else {
            throw Failure("\(path): expected pictures or tables, found none")
          }
          if fileExists(output), try FileIdentity(output) == FileIdentity(path) {
            throw Failure("\(path): --output has to be another folder than that of the tables")
          }
        }
      } else if ImageFolder.endings.contains(where: name.lowercased().hasSuffix) {
        single.append(path)
      } else if try !addTable(path) {
        try checkFile(path)
        throw Failure(
          "\(path): expected a .parquet, .csv, .tsv, .jsonl or .npz file, a picture or a folder")
      }
    }
    if let first = single.first { found.append((.pictures, first, "pictures", single)) }
    let stems = fileNames(for: found.map { $0.name.isEmpty ? "part" : $0.name })
    return zip(found, stems).map {
      ScoreInput(form: $0.form, path: $0.path, stem: $1, pictures: $0.pictures)
    }
  }

  /// Checks that a path leads to a file: opening a named pipe could block.
  private static func checkFile(_ path: String) throws(Failure) {
    var status = stat()
    guard stat(path, &status) == 0 else { throw systemFailure(path) }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw Failure("\(path): expected a file, found a device or pipe")
    }
  }

  /// The name of a file or folder without those that it is in.
  static func lastComponent(_ path: String) -> String {
    path.split(separator: "/").last.map(String.init) ?? path
  }

  /// The paths in a folder in the order of their names, but for hidden ones.
  private static func files(of folder: String) throws(Failure) -> [String] {
    try entries(of: folder).filter { !$0.hasPrefix(".") }.sorted()
      .map { folder.hasSuffix("/") ? folder + $0 : "\(folder)/\($0)" }
  }

  /// The pictures of a folder and of those in it, in the order of their names. A folder that links lead
  /// to again is read once.
  private static func pictures(
    in folder: String, depth: Int, _ seen: inout Set<FileIdentity>
  ) throws(Failure) -> [String] {
    guard try seen.insert(FileIdentity(folder)).inserted else { return [] }
    guard depth < 16 else { throw Failure("\(folder): folders are nested too deeply") }
    var result: [String] = []
    for path in try files(of: folder) {
      if isFolder(path) {
        result += try pictures(in: path, depth: depth + 1, &seen)
      } else if ImageFolder.endings.contains(where: path.lowercased().hasSuffix) {
        result.append(path)
      }
    }
    return result
  }

  /// A text that changes if the file does: its size, time and path; for pictures, a checksum of those of
  /// all.
  var identity: String {
    get throws(Failure) {
      guard form == .pictures else { return "\(try Self.state(path)) \(path.asJSON)" }
      var sum: UInt32 = 0
      for picture in pictures {
        let line = Array("\(try Self.state(picture)) \(picture)\n".utf8)
        sum = line.withUnsafeBytes { crc(sum, $0) }
      }
      return "\(pictures.count) \(sum) \(path.asJSON)"
    }
  }

  private static func state(_ path: String) throws(Failure) -> String {
    var status = stat()
    guard stat(path, &status) == 0 else { throw systemFailure(path) }
    return "\(status.st_size) \(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec)"
  }

  /// The name of a part of the results.
  func name(ofPart part: Int) -> String {
    let number = String(part)
    return
      "\(stem)-\(String(repeating: "0", count: max(0, 5 - number.count)))\(number).\(form.ending)"
  }

  /// Whether a file has the name of a part of a file's results, or of one that is being written.
  static func isPart(_ name: String, of stem: String) -> Bool {
    let pieces = name.dropFirst(stem.count + 1).split(
      separator: ".", omittingEmptySubsequences: false)
    return name.hasPrefix("\(stem)-") && pieces.count >= 2 && pieces[0].count >= 5
      && pieces[0].allSatisfy { ("0"..."9").contains($0) }
      && Form.endings.contains(String(pieces[1])) && (pieces.count == 2 || pieces.last == "tmp")
  }
}

extension [ScoreInput] {
  /// The paths of tables. A part is never a picture.
  var tables: [String] { filter { $0.form != .pictures }.map(\.path) }
}
