import ONNXFormat

/// Pictures and their classes for training, validation and testing.
package struct PictureData {
  /// Reads a picture file as a tensor `[C, H, W]`. `sizes` are the channels, height and width to convert
  /// the picture to; `nil` for its own.
  package typealias Decoder = @Sendable (_ path: String, _ sizes: [Int]?) throws -> Tensor

  package var parts: DataParts
  /// The names of pictures and labels in a batch.
  package let pictures: String
  package let labels: String
  /// The sizes of a picture, `[C, H, W]`.
  package let sizes: [Int]
  package let classCount: Int
  /// The names of the classes; `nil` if the data has none.
  package let classNames: [String]?

  /// Reads a folder of IDX files, a folder with a subfolder of pictures for each class, or a `.npz` file
  /// with arrays `x` and `y` and, optionally, `validation_x`, `validation_y`, `test_x` and `test_y`. A
  /// folder of pictures may be divided into `train` and `test` or `validation`, with a subfolder for each
  /// class in each. Otherwise a tenth of each class becomes the test data if there is none.
  /// - Parameters:
  ///   - seed: The seed for the choice of test examples.
  ///   - wanted: The sizes `[C, H, W]` that picture files are converted to; `nil` for those of the first
  ///     picture, in colour if the first one of any class is.
  ///   - size: The height and width that picture files are converted to; `nil` for those of `wanted`.
  /// - Throws: `DataError`
  package init(
    _ path: String, seed: UInt64, classCount: Int? = nil, sizes wanted: [Int]? = nil,
    size: [Int]? = nil, decode: @escaping Decoder
  ) throws {
    guard dataExists(path) else { throw DataError("no such file or folder", in: path) }
    var parts: DataParts
    var counted = classCount
    var names: [String]?
    let isArchive = path.hasSuffix(".npz")
    (pictures, labels) = isArchive ? ("features", "labels") : ("image", "label")
    let isIDX =
      try !isArchive && isDataFolder(path)
      && folderEntries(path).contains { $0.contains("-ubyte") }
    guard size == nil || !isArchive && !isIDX else {
      throw DataError("a size is for picture files; arrays keep theirs", in: path)
    }
    if isArchive {
      parts = try DataParts(npz: path)
      counted = counted ?? parts.training.classLabels?.max().map { Int(clamping: $0) + 1 }
    } else if isIDX {
      let folder = try IDXFolder(path)
      parts = DataParts(training: folder.train, test: folder.test)
      counted = counted ?? folder.classCount
    } else {
      let files = try ImageFolder(PictureFolders(path).training) { try decode($0, nil) }
      var sizes = try wanted ?? files.commonSizes(decode)
      if let size { sizes = [sizes[0]] + size }
      let final = sizes
      (parts, names) = try DataParts.pictures(in: path) { try decode($0, final) }
      counted = counted ?? files.classNames.count
    }
    guard let example = try parts.training.batch(of: [0]).tensors[pictures] else {
      throw DataError("expected pictures, found none", in: path)
    }
    if parts.test == nil, parts.validation == nil || isArchive {
      try parts.setTestAside(seed: seed)
    }
    var sizes = Array(example.shape.dropFirst())
    if sizes.count == 2 { sizes.insert(1, at: 0) }
    guard sizes.count == 3 else {
      throw DataError("expected pictures [N,C,H,W], found \(example.type)", in: path)
    }
    guard let counted, counted >= 2 else {
      throw DataError("expected at least 2 classes, found fewer", in: path)
    }
    self.parts = parts
    self.sizes = sizes
    self.classCount = counted
    classNames = names
  }

  /// Batches of examples for a graph with the picture input `input`.
  package func batches(
    _ source: any ExampleSource, size: Int, seed: UInt64?, input: String = "image",
    dropsRest: Bool = false
  ) -> any BatchSource {
    source.batches(size: size, seed: seed, dropsRest: dropsRest).renamed([
      pictures: input, labels: Loss.labels,
    ])
  }
}

extension DataParts {
  /// The pictures of a folder with a subfolder for each class, or with such folders for training and
  /// for validation or test.
  /// - Parameter decode: Reads a picture as a tensor `[C, H, W]`.
  /// - Throws: `DataError` for a folder of another form, or other classes in one of the parts.
  package static func pictures(
    in path: String, _ decode: @escaping @Sendable (_ path: String) throws -> Tensor
  ) throws(DataError) -> (parts: DataParts, classNames: [String]) {
    let folders = try PictureFolders(path)
    let training = try ImageFolder(folders.training, decode: decode)
    func part(_ folder: String?) throws(DataError) -> ImageFolder? {
      guard let folder else { return nil }
      return try ImageFolder(folder, classNames: training.classNames, decode: decode)
    }
    return (
      DataParts(
        training: training, validation: try part(folders.validation),
        test: try part(folders.test)), training.classNames
    )
  }

  /// Sets a tenth of each class aside for testing: the same examples for the same seed. Fewer than ten
  /// examples of every class give no test data.
  package mutating func setTestAside(seed: UInt64) throws(DataError) {
    try setAside(\.test, "test", share: 0.1, seed: seed, byClass: true, atLeast: 0)
    if test?.count == 0 { test = nil }
  }
}

/// The folders of a divided set of pictures.
private struct PictureFolders {
  var training: String
  var validation: String?
  var test: String?

  private static let names: KeyValuePairs = [
    "train": ["train", "training"], "validation": ["validation", "valid", "val"],
    "test": ["test", "testing"],
  ]

  /// A folder is divided if its only subfolders are those of parts, and that for training has a
  /// subfolder for each class.
  init(_ path: String) throws(DataError) {
    training = path
    guard isDataFolder(path) else { return }
    let found = try folderEntries(path).filter { isDataFolder("\(path)/\($0)") }
    var parts: [String: String] = [:]
    for (part, names) in Self.names {
      parts[part] = found.first { names.contains($0.lowercased()) }.map { "\(path)/\($0)" }
    }
    guard let train = parts["train"], parts.count == found.count, found.count > 1,
      try folderEntries(train).contains(where: { isDataFolder("\(train)/\($0)") })
    else { return }
    (training, validation, test) = (train, parts["validation"], parts["test"])
  }
}

extension ImageFolder {
  /// The sizes `[C, H, W]` of the first picture, with 3 channels if the first of any class has them.
  fileprivate func commonSizes(_ decode: PictureData.Decoder) throws -> [Int] {
    var sizes: [Int] = []
    var seen: Set<Int> = []
    for (path, label) in files where seen.insert(label).inserted {
      let shape = try decode(path, nil).shape
      if sizes.isEmpty { sizes = shape }
      guard shape.count == 3, sizes.count == 3 else { continue }
      sizes[0] = max(sizes[0], shape[0])
    }
    return sizes
  }
}
