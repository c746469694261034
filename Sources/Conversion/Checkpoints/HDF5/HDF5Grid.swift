import ONNX

/// The chunks of a dataset.
struct HDF5Grid: Sendable {
  /// The structure that finds the chunks.
  enum Index: Sendable {
    case tree
    case tree2
    case single(Int?, mask: Int)
    case implicit
    case fixedArray(pageBits: Int)
  }

  /// A stored chunk.
  struct Chunk {
    var address: Int
    var size: Int
    /// Bits of the filters that were skipped.
    var mask: Int
    /// The position of its first element.
    var offset: [Int]
  }

  private let shape: [Int]
  private let chunk: [Int]
  private let elementSize: Int
  private let index: Index
  private let address: Int?
  /// The bytes of a chunk.
  let byteCount: Int
  /// The number of chunks along each dimension, and in all.
  private let counts: [Int]
  let count: Int

  private static let chunkLimit = 4_000_000

  /// - Parameter chunk: the sizes of a chunk, and as the last one the bytes of an element
  init(
    _ shape: [Int], chunk: [Int], elementSize: Int, _ index: Index, at address: Int?
  ) throws(FormatError) {
    guard chunk.count == shape.count + 1, chunk.last == elementSize,
      chunk.allSatisfy({ $0 > 0 }), let elements = chunk.elementCount, elements <= 1 << 32
    else { throw FormatError(.invalid("chunks of \(chunk) in the shape \(shape)")) }
    self.shape = shape
    self.chunk = chunk.dropLast()
    self.elementSize = elementSize
    self.index = index
    self.address = address
    byteCount = elements
    counts = zip(shape, chunk).map { ($0 + $1 - 1) / $1 }
    guard let count = counts.elementCount, count <= Self.chunkLimit else {
      throw FormatError(.limit("more than \(Self.chunkLimit) chunks"))
    }
    self.count = count
  }

  /// The chunks that are stored. No two have the same place.
  func chunks(_ reader: HDF5Reader, isFiltered: Bool) throws(FormatError) -> [Chunk] {
    guard let address, count > 0 else { return [] }
    let chunks: [Chunk]
    switch index {
    case .tree: chunks = try treeChunks(reader, address)
    case .tree2: chunks = try tree2Chunks(reader, address, isFiltered: isFiltered)
    case .single(let size, let mask):
      chunks = [
        Chunk(
          address: address, size: size ?? byteCount, mask: mask,
          offset: shape.map { _ in 0 })
      ]
    case .implicit:
      var all: [Chunk] = []
      for number in 0..<count {
        all.append(
          Chunk(
            address: address + number * byteCount, size: byteCount, mask: 0,
            offset: offset(of: number)))
      }
      chunks = all
    case .fixedArray(let bits):
      chunks = try arrayChunks(reader, address, pageBits: bits, isFiltered: isFiltered)
    }
    var seen: Set<[Int]> = []
    for chunk in chunks {
      guard seen.insert(chunk.offset).inserted,
        zip(chunk.offset, zip(shape, self.chunk)).allSatisfy({ $0 < $1.0 && $0 % $1.1 == 0 })
      else { throw FormatError(.invalid("a chunk is at \(chunk.offset) of the shape \(shape)")) }
    }
    return chunks
  }

  private func offset(of number: Int) -> [Int] {
    var rest = number
    var offset = [Int](repeating: 0, count: shape.count)
    for axis in shape.indices.reversed() {
      offset[axis] = rest % counts[axis] * chunk[axis]
      rest /= counts[axis]
    }
    return offset
  }

  private func treeChunks(_ reader: HDF5Reader, _ root: Int) throws(FormatError) -> [Chunk] {
    var chunks: [Chunk] = []
    var seen: Set<Int> = []
    var open: [(address: Int, level: Int?)] = [(root, nil)]
    let head = 8 + 2 * reader.addressSize
    let key = 8 + 8 * (shape.count + 1)
    while let (address, expected) = open.popLast() {
      guard seen.insert(address).inserted else {
        throw FormatError(.invalid("the tree of chunks has a cycle"))
      }
      var cursor = try reader.cursor(head, at: address)
      try cursor.expect("TREE")
      let (type, level, count) = (try cursor.int(1), try cursor.int(1), try cursor.int(2))
      guard type == 1, expected == nil || expected == level else {
        throw FormatError(.invalid("the tree of chunks is damaged"))
      }
      var entries = try reader.cursor(count * (key + reader.addressSize), at: address + head)
      for _ in 0..<count {
        let (size, mask) = (try entries.int(4), try entries.int(4))
        var offset: [Int] = []
        for _ in shape { offset.append(try entries.int(8)) }
        try entries.skip(8)
        guard let child = try entries.address() else {
          throw FormatError(.invalid("a chunk has no address"))
        }
        if level > 0 {
          open.append((child, level - 1))
        } else {
          chunks.append(Chunk(address: child, size: size, mask: mask, offset: offset))
        }
        guard chunks.count <= self.count else {
          throw FormatError(.invalid("there are more chunks than the shape \(shape) has"))
        }
      }
    }
    return chunks
  }

  private func tree2Chunks(
    _ reader: HDF5Reader, _ root: Int, isFiltered: Bool
  ) throws(FormatError) -> [Chunk] {
    var chunks: [Chunk] = []
    for record in try HDF5Tree(reader, at: root).records() {
      var cursor = reader.cursor(record)
      guard let address = try cursor.address() else { continue }
      var (size, mask) = (byteCount, 0)
      if isFiltered {
        size = try cursor.int(cursor.remaining - 4 - 8 * shape.count)
        mask = try cursor.int(4)
      }
      var offset: [Int] = []
      for axis in shape.indices {
        let (start, overflow) = try cursor.int(8).multipliedReportingOverflow(by: chunk[axis])
        guard !overflow else { throw FormatError(.invalid("a chunk is out of range")) }
        offset.append(start)
      }
      chunks.append(Chunk(address: address, size: size, mask: mask, offset: offset))
    }
    return chunks
  }

  private func arrayChunks(
    _ reader: HDF5Reader, _ address: Int, pageBits: Int, isFiltered: Bool
  ) throws(FormatError) -> [Chunk] {
    var head = try reader.cursor(8 + reader.lengthSize + reader.addressSize, at: address)
    try head.expect("FAHD")
    try head.skip(2)
    let entrySize = try head.int(1)
    try head.skip(1)
    let total = try head.length()
    guard let block = try head.address() else { return [] }
    guard total == count, pageBits < 32, entrySize >= reader.addressSize else {
      throw FormatError(.invalid("the array of chunks is damaged"))
    }
    let start = block + 6 + reader.addressSize
    let page = 1 << pageBits
    var chunks: [Chunk] = []
    func add(_ range: Range<Int>, at address: Int) throws(FormatError) {
      var cursor = try reader.cursor(range.count * entrySize, at: address)
      for number in range {
        var entry = reader.cursor(try cursor.take(entrySize))
        guard let place = try entry.address() else { continue }
        var (size, mask) = (byteCount, 0)
        if isFiltered {
          size = try entry.int(entrySize - reader.addressSize - 4)
          mask = try entry.int(4)
        }
        chunks.append(
          Chunk(address: place, size: size, mask: mask, offset: offset(of: number)))
      }
    }
    guard total > page else {
      try add(0..<total, at: start)
      return chunks
    }
    // A bit for each page that was written, the checksum of these, and pages with theirs.
    let pages = (total + page - 1) / page
    let written = try reader.bytes((pages + 7) / 8, at: start)
    var place = start + written.count + 4
    for number in 0..<pages {
      let range = number * page..<min(total, (number + 1) * page)
      if written[number / 8] & (0x80 >> UInt8(number % 8)) != 0 { try add(range, at: place) }
      place += range.count * entrySize + 4
    }
    return chunks
  }

  /// Copies a chunk to its place in the dataset. What reaches over the edges is left out.
  func copy(_ bytes: [UInt8], of offset: [Int], into target: UnsafeMutableRawPointer) {
    let rank = shape.count
    let extent = zip(chunk, zip(shape, offset)).map { min($0, $1.0 - $1.1) }
    let run = (extent.last ?? 1) * elementSize
    let rows = extent.dropLast().reduce(1, *)
    var index = [Int](repeating: 0, count: max(0, rank - 1))
    bytes.withUnsafeBytes { from in
      guard let start = from.baseAddress else { return }
      for _ in 0..<rows {
        var (source, place) = (0, 0)
        for axis in 0..<rank {
          let inner = axis < rank - 1 ? index[axis] : 0
          source = source * chunk[axis] + inner
          place = place * shape[axis] + offset[axis] + inner
        }
        (target + place * elementSize).copyMemory(
          from: start + source * elementSize, byteCount: run)
        for axis in index.indices.reversed() {
          index[axis] += 1
          if index[axis] < extent[axis] { break }
          index[axis] = 0
        }
      }
    }
  }
}
