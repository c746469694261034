import ONNXFormat

/// Pictures and their classes for training and for testing.
package struct PictureData {
  /// Reads a picture file as a tensor `[C, H, W]` from 0 to 1. `sizes` are the channels, height and width
  /// to convert the picture to; `nil` for its own.
  package typealias Decoder = @Sendable (_ path: String, _ sizes: [Int]?) throws -> Tensor

  package let training: any ExampleSource
  package let test: any ExampleSource
  /// The names of pictures and labels in a batch.
  package let pictures: String
  package let labels: String
  /// The sizes of a picture, `[C, H, W]`.
  package let sizes: [Int]
  package let classCount: Int

  /// Reads a folder of IDX files, a folder with a subfolder of pictures for each class, or a `.npz` file
  /// with arrays `x` and `y` and, optionally, `test_x` and `test_y`.
  /// - Parameters:
  ///   - seed: The seed for the choice of test examples, if the data has none of its own.
  ///   - wanted: The sizes that picture files are converted to; `nil` for those of the first picture.
  /// - Throws: `DataError`
  package init(
    _ path: String, seed: UInt64, classCount: Int? = nil, sizes wanted: [Int]? = nil,
    decode: @escaping Decoder
  ) throws {
    guard dataExists(path) else { throw DataError("no such file or folder", in: path) }
    let source: any ExampleSource
    var own: (any ExampleSource)?
    var counted = classCount
    (pictures, labels) = path.hasSuffix(".npz") ? ("features", "labels") : ("image", "label")
    if path.hasSuffix(".npz") {
      let table = try ArrayFiles.read(path, classCount: classCount)
      source = table
      own = try ArrayFiles.readPart(path, "test_", classCount: classCount)
      let labels = table.columns.first { $0.name == "labels" }?.tensor
      if let labels, labels.elementType == .int64 {
        counted = counted ?? labels.elements(as: Int64.self).max().map { Int(clamping: $0) + 1 }
      }
    } else if try isDataFolder(path)
      && folderEntries(path).contains(where: { $0.contains("-ubyte") })
    {
      let folder = try IDXFolder(path)
      (source, own) = (folder.train, folder.test)
      counted = counted ?? folder.classCount
    } else {
      let files = try ImageFolder(path) { try decode($0, nil) }
      let sizes = try wanted ?? files.files.first.map { try decode($0.path, nil) }?.shape
      let folder = try ImageFolder(path) { try decode($0, sizes) }
      source = folder
      counted = counted ?? folder.classNames.count
    }
    if let own {
      (training, test) = (source, own)
    } else {
      (training, test) = source.split(share: 0.1, seed: seed)
    }
    guard let example = try source.batch(of: [0]).tensors[pictures] else {
      throw DataError("expected pictures, found none", in: path)
    }
    var sizes = Array(example.shape.dropFirst())
    if sizes.count == 2 { sizes.insert(1, at: 0) }
    guard sizes.count == 3 else {
      throw DataError("expected pictures [N,C,H,W], found \(example)", in: path)
    }
    guard let counted, counted >= 2 else {
      throw DataError("expected at least 2 classes, found fewer", in: path)
    }
    self.sizes = sizes
    self.classCount = counted
  }

  /// Batches of training or test examples for a graph with the picture input `input`.
  package func batches(
    _ source: any ExampleSource, size: Int, seed: UInt64?, input: String = "image",
    dropsRest: Bool = false
  ) -> any BatchSource {
    source.batches(size: size, seed: seed, dropsRest: dropsRest).renamed([
      pictures: input, labels: Loss.labels,
    ])
  }
}
