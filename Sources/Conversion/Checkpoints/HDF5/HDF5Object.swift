import ONNX

/// The header of a group or dataset: its messages.
struct HDF5Object {
  /// The kinds of messages that are read.
  enum Kind: Int {
    case dataspace = 1
    case linkInfo = 2
    case datatype = 3
    case oldFill = 4
    case fill = 5
    case link = 6
    case external = 7
    case layout = 8
    case filters = 0xB
    case attribute = 0xC
    case continuation = 0x10
    case symbolTable = 0x11
  }

  private(set) var messages: [(kind: Kind, body: ArraySlice<UInt8>, isShared: Bool)] = []

  private static let blockLimit = 1000
  private static let messageLimit = 100_000
  /// The bytes of all headers' messages together are bounded by the size of the file.
  private static let bodyLimit = 64 << 20

  /// - Throws: `FormatError` for a damaged header
  init(_ file: HDF5Reader, at address: Int) throws(FormatError) {
    let isNew = try file.bytes(4, at: address).elementsEqual("OHDR".utf8)
    var blocks: [(address: Int, size: Int)] = []
    var hasOrder = false
    if isNew {
      var cursor = try file.cursor(
        min(48, max(0, file.source.count - address - file.base)), at: address)
      try cursor.skip(4)
      let version = try cursor.number(1)
      guard version == 2 else {
        throw FormatError(.unsupported("version \(version) of HDF5's object headers"))
      }
      let flags = try cursor.int(1)
      if flags & 0x20 != 0 { try cursor.skip(16) }
      if flags & 0x10 != 0 { try cursor.skip(4) }
      let size = try cursor.int(1 << (flags & 3))
      hasOrder = flags & 4 != 0
      blocks.append((address + cursor.position, size))
    } else {
      var cursor = try file.cursor(16, at: address)
      let version = try cursor.number(1)
      guard version == 1 else {
        throw FormatError(.invalid("an object header has version \(version)"))
      }
      try cursor.skip(7)
      blocks.append((address + 16, try cursor.int(4)))
    }
    var next = 0
    var total = 0
    while next < blocks.count {
      let block = blocks[next]
      next += 1
      total += min(block.size, Self.bodyLimit)
      guard next <= Self.blockLimit, total < Self.bodyLimit else {
        throw FormatError(.limit("an object header is too large"))
      }
      var cursor = try file.cursor(block.size, at: block.address)
      if isNew, next > 1 {
        try cursor.expect("OCHK")
      }
      // A gap smaller than a message, and in later blocks a checksum, may follow.
      let end = block.size - (isNew && next > 1 ? 4 : 0)
      let headSize = isNew ? (hasOrder ? 6 : 4) : 8
      while end - cursor.position >= headSize {
        let kind = try cursor.int(isNew ? 1 : 2)
        let size = try cursor.int(2)
        let flags = try cursor.int(1)
        try cursor.skip(isNew ? (hasOrder ? 2 : 0) : 3)
        let body = try cursor.take(size)
        guard let known = Kind(rawValue: kind) else { continue }
        if known == .continuation {
          var place = file.cursor(body)
          guard let address = try place.address() else {
            throw FormatError(.invalid("an object header continues nowhere"))
          }
          blocks.append((address, try place.length()))
        } else {
          messages.append((known, body, flags & 2 != 0))
        }
        guard messages.count <= Self.messageLimit else {
          throw FormatError(.limit("an object header is too large"))
        }
      }
    }
  }

  /// The first message of a kind.
  func message(_ kind: Kind) -> ArraySlice<UInt8>? {
    messages.first { $0.kind == kind }?.body
  }

  /// The first message of a kind, of which a dataset must have one of its own.
  func required(_ kind: Kind, _ name: String) throws(FormatError) -> ArraySlice<UInt8> {
    guard let message = messages.first(where: { $0.kind == kind }) else {
      throw FormatError(.invalid("the dataset has no \(name)"))
    }
    guard !message.isShared else {
      throw FormatError(.unsupported("HDF5 datasets with a shared \(name)"))
    }
    return message.body
  }

  // MARK: Attributes

  /// The most texts of any length in an attribute; each is searched in its heap.
  private static let textLimit = 1 << 12

  /// The attributes that are texts or lists of texts.
  func textAttributes(_ file: HDF5Reader) throws(FormatError) -> [String: [String]] {
    var result: [String: [String]] = [:]
    for message in messages where message.kind == .attribute && !message.isShared {
      var cursor = file.cursor(message.body)
      let version = try cursor.int(1)
      guard (1...3).contains(version) else { continue }
      let flags = try cursor.int(1)
      let sizes = (try cursor.int(2), try cursor.int(2), try cursor.int(2))
      // A shared type is a type with a name, which no text of h5py has.
      guard version == 1 || flags == 0 else { continue }
      if version == 3 { try cursor.skip(1) }
      func part(_ size: Int) throws(FormatError) -> ArraySlice<UInt8> {
        try cursor.take(version == 1 ? (size + 7) / 8 * 8 : size)
      }
      let name = Self.text(try part(sizes.0))
      let type = try part(sizes.1)
      let space = try part(sizes.2)
      let value = try cursor.take(cursor.remaining)
      guard let shape = try? HDF5Dataset.shape(file.cursor(space)), let head = type.first else {
        continue
      }
      let count = shape.elementCount ?? 0
      let size = type.dropFirst(4).prefix(4).reversed().reduce(0) { $0 << 8 | Int($1) }
      if head & 0xF == 3, size > 0, count <= value.count / size {
        result[name] = (0..<count).map { Self.text(value.dropFirst($0 * size).prefix(size)) }
      } else if head & 0xF == 9, size > 0, count <= min(value.count / size, Self.textLimit) {
        let texts = (0..<count).compactMap { index in
          try? Self.heapText(value.dropFirst(index * size).prefix(size), file)
        }
        if texts.count == count { result[name] = texts }
      }
    }
    return result
  }

  private static func text(_ bytes: ArraySlice<UInt8>) -> String {
    String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
  }

  /// A text in a global heap: its length, the heap's address, and its number there.
  private static func heapText(
    _ value: ArraySlice<UInt8>, _ file: HDF5Reader
  ) throws(FormatError) -> String? {
    var cursor = file.cursor(value)
    let length = try cursor.int(4)
    guard let address = try cursor.address(), length <= 1 << 24 else { return nil }
    let index = try cursor.int(4)
    return try file.heap(at: address)[index].map { text($0.prefix(length)) }
  }
}
