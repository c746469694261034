import ONNXFormat

/// The format of `torch.save` before PyTorch 1.6: pickles of a magic number, a version, the machine,
/// the tensors, and the keys of the storages; then for each storage its number of elements in 8 bytes
/// and the elements, lowest byte first.
struct TorchLegacy: TorchStorages, CheckpointFormat {
  static let name = "torch.save's format before PyTorch 1.6"

  private let file: InputFile
  private let limits: ReadingLimits
  private let root: PickleValue
  private let objects: PickleObjects
  private let places: [String: Range<Int>]

  /// A pickle of the number 0x1950A86A20F9469CFC6C.
  private static let magic: [UInt8] = [
    0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19,
  ]
  private static let version = 1001

  static func matches(_ file: CheckpointFile) throws(FormatError) -> Bool {
    let head = try file.prefix(16)
    guard head.first == 0x80 else { return false }
    // In protocols 4 and 5 a frame may precede the number.
    return head.dropFirst(2).starts(with: magic) || head.dropFirst(2).first == 0x95
  }

  static func read(_ file: CheckpointFile) throws(FormatError) -> Weights {
    try TorchLegacy(file.input, limits: file.limits).weights()
  }

  init(_ file: InputFile, limits: ReadingLimits) throws(FormatError) {
    var reader = PickleReader(ByteSource(file), 0..<file.count)
    guard case .long(let magic) = try reader.load(), Self.magic.suffix(10).elementsEqual(magic)
    else { throw reader.error("expected the magic number of torch.save") }
    guard case .int(Self.version) = try reader.load() else {
      throw FormatError(.unsupported("a version of torch.save other than \(Self.version)"))
    }
    // The machine, which does not matter: all write the lowest byte first.
    _ = try reader.load()
    root = try reader.load()
    let known = reader.objects
    guard case .list(let index) = try reader.load() else {
      throw reader.error("the keys of the storages are missing")
    }
    var widths: [String: Int] = [:]
    for storage in known.storages {
      let width = storage.elementType?.stride ?? 1
      guard widths.updateValue(width, forKey: storage.key) ?? width == width else {
        throw reader.error("storage \(storage.key.quoted) has elements of different sizes")
      }
    }
    var places: [String: Range<Int>] = [:]
    var position = reader.position
    let source = ByteSource(file)
    for value in reader.objects.sequences[index] {
      guard case .string(let key) = value, places[key] == nil, let width = widths[key] else {
        throw reader.error("expected a different known key for each storage")
      }
      guard file.count - position >= 8 else { throw reader.error("a storage is truncated") }
      let count = try source.bytes(position..<position + 8).reversed()
        .reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
      position += 8
      guard count <= UInt64(file.count - position) / UInt64(width) else {
        throw FormatError(.malformed("storage \(key.quoted) is truncated", offset: position))
      }
      places[key] = position..<position + Int(count) * width
      position += Int(count) * width
    }
    self.file = file
    self.limits = limits
    self.objects = known
    self.places = places
  }

  func weights() throws(FormatError) -> Weights {
    try Weights(root, objects, in: self, size: file.count, limits: limits)
  }

  private func place(_ key: String) throws(FormatError) -> Range<Int> {
    guard let place = places[key] else {
      throw FormatError(.invalid("storage \(key.quoted) is missing"))
    }
    return place
  }

  var isBigEndian: Bool { false }
  func isCompressed(_ key: String) -> Bool { false }
  func size(of key: String) throws(FormatError) -> Int { try place(key).count }

  func read(
    _ range: Range<Int>, of key: String, into target: UnsafeMutableRawPointer
  ) throws(FormatError) {
    try file.read(range.count, at: place(key).lowerBound + range.lowerBound, into: target)
  }
}
