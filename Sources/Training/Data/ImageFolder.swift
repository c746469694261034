import ONNXFormat

/// Pictures in a folder with a subfolder for each class, named after the class.
///
/// Batches have the tensors `image`, `[N, C, H, W]`, and `label`, int64 `[N]`. Pictures are read when
/// their batch is made.
public struct ImageFolder: ExampleSource {
  /// The names of the classes in the order of their labels.
  public let classNames: [String]
  /// The paths of the pictures and their labels.
  public let files: [(path: String, label: Int)]
  private let decode: @Sendable (String) throws -> Tensor

  /// The number of pictures.
  public var count: Int { files.count }

  /// The label of each picture.
  public var classLabels: [Int64]? { files.map { Int64($0.label) } }

  /// The endings of picture files.
  package static let endings = [
    ".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".jp2", ".ppm", ".pgm", ".pbm",
  ]

  /// Lists the pictures of a folder.
  /// - Parameters:
  ///   - classNames: The expected classes; `nil` for the subfolders found, in sorted order.
  ///   - decode: Reads a picture as a tensor `[C, H, W]` or `[1, C, H, W]`. All pictures must have the
  ///     same type and shape.
  /// - Throws: `DataError` if there are no subfolders, or one has no pictures or an unknown name.
  public init(
    _ folder: String, classNames: [String]? = nil,
    decode: @escaping @Sendable (_ path: String) throws -> Tensor
  ) throws(DataError) {
    guard isDataFolder(folder) else {
      throw DataError("expected a folder with a subfolder for each class, found none", in: folder)
    }
    let found = try folderEntries(folder).filter { isDataFolder("\(folder)/\($0)") }
    guard !found.isEmpty else {
      throw DataError("expected a subfolder for each class, found none", in: folder)
    }
    let classes = classNames ?? found
    if let stranger = found.first(where: { !classes.contains($0) }) {
      throw DataError(
        "expected subfolders of \(classes.count) known classes, found \(stranger.quoted)",
        in: folder)
    }
    var files: [(path: String, label: Int)] = []
    for (label, name) in classes.enumerated() {
      let path = "\(folder)/\(name)"
      let pictures = try folderEntries(path).filter { file in
        Self.endings.contains { file.lowercased().hasSuffix($0) }
      }
      guard !pictures.isEmpty else {
        throw DataError(
          "expected pictures (.png, .jpg, .bmp, .webp, .tif, .jp2, .ppm), found none", in: path)
      }
      files += pictures.map { ("\(path)/\($0)", label) }
    }
    self.classNames = classes
    self.files = files
    self.decode = decode
  }

  /// Reads the pictures of a batch.
  /// - Throws: `DataError` if a picture cannot be read or its type differs from that of the others.
  public func batch(of examples: [Int]) throws(DataError) -> Batch {
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
        throw DataError("expected a picture with numeric elements, found \(image.type)", in: path)
      }
      if let first = images.first {
        guard image.type == first.type else {
          throw DataError(
            "expected a picture \(first.type) like the others, found \(image.type)", in: path)
        }
      }
      images.append(image)
    }
    guard let first = images.first else { throw DataError("expected pictures, found none") }
    let size = first.storage.byteCount
    let batch = try Tensor(data: first.elementType, shape: [images.count] + first.shape)
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
