import ONNX

/// Reads parts of an HDF5 file by their addresses.
final class HDF5Reader {
  let source: HDF5Source
  /// What all addresses count from.
  let base: Int
  let addressSize: Int
  let lengthSize: Int
  /// The bytes that may be read yet. Parts that refer to each other may describe more than the file.
  private var budget: Int
  private var heaps: [Int: [Int: ArraySlice<UInt8>]] = [:]

  init(_ source: HDF5Source, base: Int, sizes: (address: Int, length: Int)) {
    self.source = source
    self.base = base
    (addressSize, lengthSize) = sizes
    budget = 8 * min(source.count, 1 << 50) + 16 << 20
  }

  /// The bytes at an address.
  /// - Throws: `FormatError` outside the file, and when far more is read than the file has
  func bytes(_ size: Int, at address: Int) throws(FormatError) -> [UInt8] {
    guard size <= budget else {
      throw FormatError(.limit("the tables of the HDF5 file are larger than the file"))
    }
    // Small parts count too.
    budget -= max(size, 16)
    return try source.bytes(size, at: address + base)
  }

  func cursor(_ size: Int, at address: Int) throws(FormatError) -> HDF5Cursor {
    HDF5Cursor(try bytes(size, at: address), (addressSize, lengthSize))
  }

  /// The objects of a global heap, by their numbers.
  func heap(at address: Int) throws(FormatError) -> [Int: ArraySlice<UInt8>] {
    if let heap = heaps[address] { return heap }
    var head = try cursor(8 + lengthSize, at: address)
    try head.expect("GCOL")
    try head.skip(4)
    var heap = try cursor(try head.length(), at: address)
    try heap.skip(8 + lengthSize)
    var objects: [Int: ArraySlice<UInt8>] = [:]
    while heap.remaining >= 8 + lengthSize {
      let number = try heap.int(2)
      try heap.skip(6)
      let count = try heap.length()
      guard number != 0, count <= heap.remaining else { break }
      objects[number] = try heap.take(count)
      try heap.skip(min(heap.remaining, (8 - count % 8) % 8))
    }
    heaps[address] = objects
    return objects
  }

  func cursor(_ bytes: some Sequence<UInt8>) -> HDF5Cursor {
    HDF5Cursor(Array(bytes), (addressSize, lengthSize))
  }
}

/// An HDF5 file (the HDF Group's file format specification, version 3): the datasets in its groups.
/// The reader knows the forms that h5py and Keras write. It calls no library, so a hostile file meets
/// nothing but checks. Links to other files, virtual datasets and filters other than gzip, shuffle and
/// fletcher32 are refused.
struct HDF5File: Sendable {
  /// A dataset and its path.
  struct Item: Sendable {
    let path: String
    let dataset: HDF5Dataset
  }

  /// The datasets in the order of their names, group by group.
  private(set) var items: [Item] = []
  /// The text attributes of groups and datasets, by their path.
  private(set) var attributes: [String: [String: [String]]] = [:]

  private static let signature: [UInt8] = [0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A]
  /// Where a file may begin: behind a block of the user's.
  private static let starts = [0, 512, 1024, 2048, 4096]
  private static let depthLimit = 64
  private static let objectLimit = 1_000_000
  private static let namesLimit = 64 << 20

  /// Where an HDF5 file begins in these bytes; `nil` for another file.
  static func start(_ source: HDF5Source) throws(FormatError) -> Int? {
    for candidate in starts where candidate <= source.count - 8 {
      if try source.bytes(8, at: candidate) == signature { return candidate }
    }
    return nil
  }

  /// Reads the tables of a file.
  /// - Throws: `FormatError` for a damaged file and for what is not supported
  init(_ source: HDF5Source) throws(FormatError) {
    guard let start = try Self.start(source) else {
      throw FormatError(.invalid("not an HDF5 file"))
    }
    let head = try source.bytes(min(256, source.count - start), at: start)
    guard head.count >= 24 else { throw FormatError(.invalid("the HDF5 file is cut off")) }
    let version = head[8]
    let sizes: (address: Int, length: Int)
    switch version {
    case 0, 1: sizes = (Int(head[13]), Int(head[14]))
    case 2, 3: sizes = (Int(head[9]), Int(head[10]))
    default: throw FormatError(.unsupported("version \(version) of HDF5's superblock"))
    }
    guard [2, 4, 8].contains(sizes.address), [2, 4, 8].contains(sizes.length) else {
      throw FormatError(
        .invalid("addresses of \(sizes.address) and lengths of \(sizes.length) bytes"))
    }
    var cursor = HDF5Cursor(head, sizes)
    try cursor.skip(version == 0 ? 24 : version == 1 ? 28 : 12)
    let base = try cursor.address() ?? start
    _ = try cursor.address()
    if let end = try cursor.address(), end > source.count {
      throw FormatError(
        .invalid(
          "the HDF5 file is cut off: it has \(source.count) of \(end) bytes; copy or download it "
            + "again"))
    }
    if version < 2 {
      _ = try cursor.address()
      _ = try cursor.address()
    }
    guard let root = try cursor.address() else {
      throw FormatError(.invalid("the HDF5 file has no root group"))
    }
    try walk(HDF5Reader(source, base: base, sizes: sizes), from: root)
  }

  /// Lists all groups and datasets. An object with several names has the first of them.
  private mutating func walk(_ reader: HDF5Reader, from root: Int) throws(FormatError) {
    var seen: Set<Int> = [root]
    var names = 0
    var open: [(path: String, address: Int, depth: Int)] = [("", root, 0)]
    while let (path, address, depth) = open.popLast() {
      do throws(FormatError) {
        let object = try HDF5Object(reader, at: address)
        let texts = try object.textAttributes(reader)
        if !texts.isEmpty { attributes[path] = texts }
        if object.message(.dataspace) != nil, object.message(.layout) != nil {
          items.append(Item(path: path, dataset: try HDF5Dataset(object, reader)))
          continue
        }
        guard depth < Self.depthLimit else {
          throw FormatError(.limit("groups are nested more than \(Self.depthLimit) deep"))
        }
        let links = try object.links(reader).filter { seen.insert($0.address).inserted }
        for link in links.reversed() {
          let name = path.isEmpty ? link.name : path + "/" + link.name
          names += name.utf8.count
          guard seen.count <= Self.objectLimit, names <= Self.namesLimit else {
            throw FormatError(.limit("more than \(Self.objectLimit) objects in an HDF5 file"))
          }
          open.append((name, link.address, depth + 1))
        }
      } catch {
        throw path.isEmpty ? error : error.within(path.quoted)
      }
    }
  }
}
