import ONNXFormat

/// Reads IDX files, the format of MNIST, gzipped or not (http://yann.lecun.com/exdb/mnist).
public enum IDX {
  /// Reads an array.
  /// - Parameter limit: The largest size of the array in bytes.
  /// - Throws: `DataError` if the file is not an IDX file, or has more or less data than its header
  ///   states.
  public static func read(_ path: String, limit: Int = 4 << 30) throws(DataError) -> Tensor {
    let file = try DataFile(path)
    let magic = try file.read(upTo: 4)
    guard magic.count == 4, magic[0] == 0, magic[1] == 0, let type = types[magic[2]] else {
      throw DataError("expected an IDX file, found no IDX header", in: path)
    }
    let rank = Int(magic[3])
    guard (1...8).contains(rank) else {
      throw DataError("expected 1 to 8 dimensions, found \(rank)", in: path)
    }
    let header = try file.read(upTo: 4 * rank)
    guard header.count == 4 * rank else {
      throw DataError("the file ends within its header", in: path)
    }
    let shape = (0..<rank).map { index in
      header[4 * index..<4 * index + 4].reduce(0) { $0 << 8 | Int($1) }
    }
    guard let count = shape.elementCount, count <= limit / type.stride else {
      throw DataError("an array \(Shape(shape)) has more than \(limit) bytes", in: path)
    }
    let size = count * type.stride
    func fewer(_ count: Int) -> DataError {
      DataError("expected \(size) bytes for an array \(Shape(shape)), found \(count)", in: path)
    }
    // Allocate no more than the file can fill.
    guard size <= file.mostBytes else { throw fewer(try file.read(upTo: size).count) }
    let tensor: Tensor
    do throws(DataError) {
      tensor = try Tensor(data: type, shape: shape)
    } catch { throw DataError(error.problem, in: path) }
    let bytes = UnsafeMutableRawBufferPointer(start: tensor.storage.pointer, count: size)
    let found = try file.read(into: bytes)
    guard found == size else { throw fewer(found) }
    guard try file.isAtEnd() else {
      throw DataError("expected \(size) bytes for an array \(Shape(shape)), found more", in: path)
    }
    reverse(bytes, each: type.stride)
    return tensor
  }

  private static let types: [UInt8: ElementType] = [
    0x08: .uint8, 0x09: .int8, 0x0B: .int16, 0x0C: .int32, 0x0D: .float32, 0x0E: .float64,
  ]

  /// Converts big-endian elements to little-endian.
  private static func reverse(_ bytes: UnsafeMutableRawBufferPointer, each size: Int) {
    guard size > 1 else { return }
    for start in stride(from: 0, to: bytes.count, by: size) {
      for offset in 0..<size / 2 { bytes.swapAt(start + offset, start + size - 1 - offset) }
    }
  }
}

/// A folder with the four IDX files of MNIST, gzipped or not: pictures and their classes.
///
/// Batches have the tensors `image`, float32 `[N, 1, H, W]` from 0 to 1, and `label`, int64 `[N]`.
public struct IDXFolder: Sendable {
  /// The training examples.
  public let train: TensorDataset
  /// The test examples.
  public let test: TensorDataset
  /// The number of classes.
  public let classCount: Int

  /// Reads the four files of a folder.
  /// - Parameter classCount: The number of classes, which labels must be less than.
  /// - Throws: `DataError` if a file is missing or damaged, the numbers of pictures and labels differ,
  ///   a label is out of range, or a class has no training example.
  public init(_ folder: String, classCount: Int = 10) throws(DataError) {
    train = try Self.part("train", in: folder, classCount)
    test = try Self.part("t10k", in: folder, classCount)
    self.classCount = classCount
    let shapes = [train, test].map { Array($0.columns[0].tensor.shape.dropFirst()) }
    guard shapes[0] == shapes[1] else {
      throw DataError(
        "expected test pictures of \(Shape(shapes[0])), found \(Shape(shapes[1]))", in: folder)
    }
    try train.checkEveryClass("label", classCount, in: folder)
  }

  private static func part(
    _ part: String, in folder: String, _ classCount: Int
  ) throws(DataError) -> TensorDataset {
    let imagePath = try find("\(part)-images", "idx3-ubyte", in: folder)
    let labelPath = try find("\(part)-labels", "idx1-ubyte", in: folder)
    let images = try IDX.read(imagePath)
    guard images.elementType == .uint8, images.shape.count == 3 else {
      throw DataError(
        "expected pictures uint8[N,H,W], found \(images.type)", in: imagePath)
    }
    guard images.count > 0 else {
      throw DataError("expected pictures, found \(images.type)", in: imagePath)
    }
    let labels = try IDX.read(labelPath)
    guard labels.elementType == .uint8, labels.shape == [images.shape[0]] else {
      throw DataError(
        "expected a label for each of \(images.shape[0]) pictures, found \(labels.type)",
        in: labelPath)
    }
    let classes = labels.elements(as: UInt8.self).map { Int64($0) }
    if let index = classes.firstIndex(where: { $0 >= classCount }) {
      throw DataError(
        "expected labels from 0 to \(classCount - 1), found \(classes[index]) at \(index)",
        in: labelPath)
    }
    do {
      return try TensorDataset([
        .init(
          "image",
          images.reshaped(to: [images.shape[0], 1, images.shape[1], images.shape[2]]),
          divisor: 255),
        .init("label", Tensor(data: classes, shape: labels.shape)),
      ])
    } catch { throw DataError("\(error)", in: folder) }
  }

  /// The path of a file, which may be named `train-images-idx3-ubyte` or `train-images.idx3-ubyte`.
  private static func find(
    _ stem: String, _ kind: String, in folder: String
  ) throws(DataError) -> String {
    guard isDataFolder(folder) else {
      throw DataError("expected a folder with MNIST's four files, found no folder", in: folder)
    }
    for name in ["\(stem)-\(kind)", "\(stem).\(kind)"] {
      for end in ["", ".gz"] where dataExists("\(folder)/\(name)\(end)") {
        return "\(folder)/\(name)\(end)"
      }
    }
    throw DataError("expected \(stem)-\(kind) or \(stem)-\(kind).gz, found neither", in: folder)
  }
}
