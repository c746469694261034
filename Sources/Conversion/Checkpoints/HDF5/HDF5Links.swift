import ONNX

/// The name of an object in a group, and the address of its header.
struct HDF5Link {
  let name: String
  let address: Int
}

extension HDF5Object {
  /// The hard links of a group, by name. Soft links name objects that have a hard link too.
  /// - Throws: `FormatError` for a damaged table, and for links to other files
  func links(_ file: HDF5Reader) throws(FormatError) -> [HDF5Link] {
    var links: [HDF5Link] = []
    if let table = message(.symbolTable) {
      var cursor = file.cursor(table)
      guard let tree = try cursor.address(), let heap = try cursor.address() else {
        throw FormatError(.invalid("a group has no table"))
      }
      links += try HDF5SymbolTable(file, heap: heap).links(tree)
    }
    for message in messages where message.kind == .link {
      if let link = try Self.link(file.cursor(message.body)) { links.append(link) }
    }
    if let info = message(.linkInfo) {
      var cursor = file.cursor(info)
      try cursor.skip(1)
      if try cursor.int(1) & 1 != 0 { try cursor.skip(8) }
      if let address = try cursor.address(), let tree = try cursor.address() {
        let heap = try HDF5FractalHeap(file, at: address)
        for record in try HDF5Tree(file, at: tree).records() {
          // A record is a hash of the name and an identifier in the heap.
          let object = try heap.object(record.dropFirst(4))
          if let link = try Self.link(file.cursor(object)) { links.append(link) }
        }
        links.sort { $0.name < $1.name }
      }
    }
    return links
  }

  /// A link of a message; `nil` for a soft one.
  private static func link(_ cursor: HDF5Cursor) throws(FormatError) -> HDF5Link? {
    var cursor = cursor
    let version = try cursor.int(1)
    guard version == 1 else { throw FormatError(.invalid("a link has version \(version)")) }
    let flags = try cursor.int(1)
    let kind = flags & 8 != 0 ? try cursor.int(1) : 0
    if flags & 4 != 0 { try cursor.skip(8) }
    if flags & 0x10 != 0 { try cursor.skip(1) }
    let length = try cursor.int(1 << (flags & 3))
    let name = String(decoding: try cursor.take(length), as: UTF8.self)
    switch kind {
    case 0:
      guard let address = try cursor.address() else {
        throw FormatError(.invalid("the link \(name.quoted) leads nowhere"))
      }
      return HDF5Link(name: name, address: address)
    case 1: return nil
    default: throw FormatError(.unsupported("the link \(name.quoted) to another file"))
    }
  }
}

/// The table of a group in the old form: a tree of nodes, each a list of names and addresses.
private struct HDF5SymbolTable {
  let file: HDF5Reader
  let names: [UInt8]

  private static let nodeLimit = 1_000_000

  init(_ file: HDF5Reader, heap: Int) throws(FormatError) {
    self.file = file
    var cursor = try file.cursor(8 + 2 * file.lengthSize + file.addressSize, at: heap)
    try cursor.expect("HEAP")
    try cursor.skip(4)
    let size = try cursor.length()
    _ = try cursor.length()
    guard let address = try cursor.address() else {
      throw FormatError(.invalid("a group's names are missing"))
    }
    names = try file.bytes(size, at: address)
  }

  func links(_ tree: Int) throws(FormatError) -> [HDF5Link] {
    var links: [HDF5Link] = []
    var seen: Set<Int> = []
    var open: [(address: Int, level: Int?)] = [(tree, nil)]
    while let (address, expected) = open.popLast() {
      guard seen.insert(address).inserted, seen.count < Self.nodeLimit else {
        throw FormatError(.invalid("a group's table has a cycle"))
      }
      if expected == -1 {
        links += try node(address)
        continue
      }
      let head = 8 + 2 * file.addressSize
      var cursor = try file.cursor(head, at: address)
      try cursor.expect("TREE")
      let (type, level, count) = (try cursor.int(1), try cursor.int(1), try cursor.int(2))
      guard type == 0, expected == nil || expected == level else {
        throw FormatError(.invalid("a group's table is damaged"))
      }
      var entries = try file.cursor(
        count * (file.lengthSize + file.addressSize), at: address + head)
      var children: [(Int, Int?)] = []
      for _ in 0..<count {
        _ = try entries.length()
        guard let child = try entries.address() else {
          throw FormatError(.invalid("a group's table is damaged"))
        }
        children.append((child, level - 1))
      }
      open += children.reversed()
    }
    return links
  }

  private func node(_ address: Int) throws(FormatError) -> [HDF5Link] {
    var cursor = try file.cursor(8, at: address)
    try cursor.expect("SNOD")
    try cursor.skip(2)
    let count = try cursor.int(2)
    let size = 2 * file.addressSize + 24
    cursor = try file.cursor(count * size, at: address + 8)
    var links: [HDF5Link] = []
    for _ in 0..<count {
      let name = try cursor.int(file.addressSize)
      let header = try cursor.address()
      let kind = try cursor.int(4)
      try cursor.skip(20)
      guard name < names.count else {
        throw FormatError(.invalid("a name of a group is out of range"))
      }
      // A symbolic link.
      if kind == 2 { continue }
      guard let header else { throw FormatError(.invalid("a name of a group leads nowhere")) }
      links.append(
        HDF5Link(
          name: String(decoding: names[name...].prefix { $0 != 0 }, as: UTF8.self),
          address: header))
    }
    return links
  }
}
