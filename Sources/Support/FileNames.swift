/// File names for outputs. Bytes outside `[A-Za-z0-9._-]` become `_`; a name that is already taken
/// gets the suffix `_2`, `_3`, ….
package func fileNames(for names: [String]) -> [String] {
  var taken: Set<String> = []
  var numbers: [String: Int] = [:]
  return names.map { name in
    let plain = String(
      decoding: name.utf8.map { byte in
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"),
          UInt8(ascii: "-"):
          byte
        default: UInt8(ascii: "_")
        }
      }, as: UTF8.self)
    var candidate = plain
    while !taken.insert(candidate).inserted {
      let number = numbers[plain, default: 2]
      candidate = "\(plain)_\(number)"
      numbers[plain] = number + 1
    }
    return candidate
  }
}

/// The path without its file name extension.
package func withoutExtension(_ path: String) -> String {
  guard let dot = path.lastIndex(of: "."), dot > path.startIndex,
    !path[dot...].contains("/"), path[path.index(before: dot)] != "/"
  else { return path }
  return String(path[..<dot])
}
