import ONNXFormat

/// Pictures in a folder of folders, one for each class, which bears the class's name.
///
/// Batches hold `image`, `[N, …]` of what `decode` gives for a picture, and `label`, int64 `[N]`.
/// Pictures are read when their batch is made.
public struct ImageFolder: ExampleSource {
  /// Names of the classes, sorted, in the order of their numbers.
  public let classNames: [String]
  /// The pictures' files and classes.
  public let files: [(path: String, label: Int)]
  private let decode: @Sendable (String) throws -> Tensor

  public var count: Int { files.count }

  private static let ends = [".png", ".jpg", ".jpeg"]

  /// - Parameters:
  ///   - classNames: the classes where they are known; `nil` for the folders found
  ///   - decode: makes the tensor of a picture, `[C, H, W]` or `[1, C, H, W]`, of one shape for all
  /// - Throws: `DataError` where the folder holds no folders of pictures, or one of them is empty.
  public init(
    _ folder: String, classNames: [String]? = nil,
    decode: @escaping @Sendable (_ path: String) throws -> Tensor
  ) throws(DataError) {
    guard isDataFolder(folder) else {
      throw DataError("expected a folder of folders, one for each class, found none", in: folder)
    }
    let found = try folderEntries(folder).filter { isDataFolder("\(folder)/\($0)") }
    guard !found.isEmpty else {
      throw DataError("expected a folder for each class, found none", in: folder)
    }
    let classes = classNames ?? found
    if let stranger = found.first(where: { !classes.contains($0) }) {
      throw DataError(
        "expected folders of \(classes.count) classes, found \(stranger.quoted)", in: folder)
    }
    var files: [(path: String, label: Int)] = []
    for (label, name) in classes.enumerated() {
      let path = "\(folder)/\(name)"
      let pictures = try folderEntries(path).filter { file in
        Self.ends.contains { file.lowercased().hasSuffix($0) }
      }
      guard !pictures.isEmpty else {
        throw DataError("expected pictures (.png, .jpg) of the class, found none", in: path)
      }
      files += pictures.map { ("\(path)/\($0)", label) }
    }
    self.classNames = classes
    self.files = files
    self.decode = decode
  }

  public func batch(of examples: [Int]) throws -> Batch {
    var images: [Tensor] = []
    for example in examples {
      let path = files[example].path
      let image: Tensor
      do {
        let made = try decode(path)
        image =
          made.shape.count == 4 && made.shape[0] == 1
          ? try made.reshaped(to: Array(made.shape.dropFirst())) : made
      } catch {
        let text = "\(error)"
        throw text.hasPrefix(path) ? DataError(text) : DataError(text, in: path)
      }
      guard image.elementType != .string else {
        throw DataError("expected a picture of numbers, found \(image)", in: path)
      }
      if let first = images.first {
        guard image.type == first.type else {
          throw DataError("expected a picture \(first) as others are, found \(image)", in: path)
        }
      }
      images.append(image)
    }
    guard let first = images.first else { throw DataError("expected pictures, found none") }
    let size = first.storage.byteCount
    let batch = try Tensor(
      uninitialized: first.elementType, shape: [images.count] + first.shape)
    for (index, image) in images.enumerated() {
      (batch.storage.pointer + index * size).copyMemory(
        from: image.storage.pointer, byteCount: size)
    }
    let labels = examples.map { Int64(files[$0].label) }
    return Batch(
      ["image": batch, "label": try Tensor(data: labels, shape: [labels.count])],
      count: images.count)
  }
}
