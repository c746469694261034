import ONNX

/// A B-tree of version 2: records of one size.
struct HDF5Tree {
  private let file: HDF5Reader
  private let nodeSize: Int
  private let recordSize: Int
  private let depth: Int
  private let root: Int?
  private let rootCount: Int
  private let total: Int

  private static let recordLimit = 4_000_000

  init(_ file: HDF5Reader, at address: Int) throws(FormatError) {
    self.file = file
    var cursor = try file.cursor(18 + file.addressSize + file.lengthSize, at: address)
    try cursor.expect("BTHD")
    try cursor.skip(2)
    nodeSize = try cursor.int(4)
    recordSize = try cursor.int(2)
    depth = try cursor.int(2)
    try cursor.skip(2)
    root = try cursor.address()
    rootCount = try cursor.int(2)
    total = try cursor.length()
    guard recordSize > 0, nodeSize > recordSize + 10, nodeSize <= 1 << 24, depth <= 16,
      total <= Self.recordLimit, total <= file.source.count / recordSize
    else { throw FormatError(.invalid("a table of the HDF5 file is damaged")) }
  }

  /// The bytes that hold numbers up to a limit.
  private static func width(_ limit: Int) -> Int {
    max(1, (Int.bitWidth - limit.leadingZeroBitCount + 7) / 8)
  }

  /// All records, those of inner nodes between those of their children.
  func records() throws(FormatError) -> [[UInt8]] {
    guard let root else { return [] }
    // The number of records that a node of each depth can hold, and a tree below it.
    let leaf = (nodeSize - 10) / recordSize
    var totals = [leaf]
    let countWidth = Self.width(leaf)
    for level in 1..<max(1, depth + 1) where depth > 0 {
      let pointer = file.addressSize + countWidth + (level > 1 ? Self.width(totals[level - 1]) : 0)
      guard nodeSize > 10 + pointer else { throw FormatError(.invalid("a node is too small")) }
      let most = (nodeSize - 10 - pointer) / (recordSize + pointer)
      let (product, overflow) = (most + 1).multipliedReportingOverflow(by: totals[level - 1])
      let (sum, carry) = product.addingReportingOverflow(most)
      totals.append(overflow || carry ? Int.max : sum)
    }
    var records: [[UInt8]] = []
    try collect(root, rootCount, depth, totals, countWidth, &records)
    return records
  }

  private func collect(
    _ address: Int, _ count: Int, _ level: Int, _ totals: [Int], _ countWidth: Int,
    _ records: inout [[UInt8]]
  ) throws(FormatError) {
    var cursor = try file.cursor(nodeSize, at: address)
    try cursor.expect(level == 0 ? "BTLF" : "BTIN")
    try cursor.skip(2)
    guard records.count + count <= total else {
      throw FormatError(.invalid("a table of the HDF5 file has more records than it states"))
    }
    for _ in 0..<count { records.append(Array(try cursor.take(recordSize))) }
    guard level > 0 else { return }
    for _ in 0...count {
      guard let child = try cursor.address() else {
        throw FormatError(.invalid("a table of the HDF5 file is damaged"))
      }
      let childCount = try cursor.int(countWidth)
      if level > 1 { try cursor.skip(Self.width(totals[level - 1])) }
      // An empty child would let a small file describe many nodes.
      guard childCount > 0 else { throw FormatError(.invalid("a node has no records")) }
      try collect(child, childCount, level - 1, totals, countWidth, &records)
    }
  }
}

/// A heap of small objects in blocks whose sizes double, row by row.
struct HDF5FractalHeap {
  private let file: HDF5Reader
  private let identifierSize: Int
  private let offsetSize: Int
  private let lengthSize: Int
  private let width: Int
  private let firstSize: Int
  private let directLimit: Int
  private let rows: Int
  private let root: Int

  init(_ file: HDF5Reader, at address: Int) throws(FormatError) {
    self.file = file
    let size = 22 + 12 * file.lengthSize + 3 * file.addressSize
    var cursor = try file.cursor(size, at: address)
    try cursor.expect("FRHP")
    try cursor.skip(1)
    identifierSize = try cursor.int(2)
    let filterSize = try cursor.int(2)
    try cursor.skip(1)
    let largest = try cursor.int(4)
    try cursor.skip(10 * file.lengthSize + 2 * file.addressSize)
    width = try cursor.int(2)
    firstSize = try cursor.length()
    directLimit = try cursor.length()
    let bits = try cursor.int(2)
    try cursor.skip(2)
    let root = try cursor.address()
    rows = try cursor.int(2)
    guard filterSize == 0, let root, width > 0, width <= 1024, firstSize > 0, bits <= 64,
      firstSize & (firstSize - 1) == 0, directLimit >= firstSize, directLimit <= 1 << 30, rows < 64
    else { throw FormatError(.unsupported("the form of a heap of the HDF5 file")) }
    self.root = root
    offsetSize = (bits + 7) / 8
    let blockBits = Int.bitWidth - 1 - directLimit.leadingZeroBitCount
    let largestBits = Int.bitWidth - 1 - max(1, largest).leadingZeroBitCount
    lengthSize = min((blockBits + 7) / 8, largestBits / 8 + 1)
  }

  /// The bytes of an object.
  func object(_ identifier: ArraySlice<UInt8>) throws(FormatError) -> [UInt8] {
    var cursor = file.cursor(identifier)
    guard try cursor.int(1) & 0x30 == 0 else {
      throw FormatError(.unsupported("large or tiny objects of an HDF5 heap"))
    }
    let offset = try cursor.int(offsetSize)
    let length = try cursor.int(lengthSize)
    guard length <= directLimit else { throw FormatError(.invalid("an object is too large")) }
    guard rows > 0 else { return try file.bytes(length, at: root + offset) }
    // Rows 0 and 1 have blocks of the first size; from then on it doubles.
    var (row, start, size) = (0, 0, firstSize)
    while row < rows, size <= directLimit, offset - start >= width * size {
      start += width * size
      row += 1
      if row > 1 { size *= 2 }
    }
    guard row < rows, size <= directLimit else {
      throw FormatError(.unsupported("groups with that many links"))
    }
    let column = (offset - start) / size
    let head = 5 + file.addressSize + offsetSize
    let place = root + head + (row * width + column) * file.addressSize
    var entry = try file.cursor(file.addressSize, at: place)
    guard let block = try entry.address() else {
      throw FormatError(.invalid("an object of a heap is missing"))
    }
    return try file.bytes(length, at: block + (offset - start) % size)
  }
}
