import ONNX
import ONNXImages
import ToolSupport

/// Pictures with their classes, to train on and to test with.
struct PictureData {
  let training: any ExampleSource
  let test: any ExampleSource
  /// What the batches call the pictures and their classes.
  let pictures: String
  let labels: String
  /// Sizes of a picture, `[C, H, W]`.
  let sizes: [Int]
  let classCount: Int

  /// Reads a folder of IDX files, a folder of folders of pictures, or NumPy arrays `x` and `y`
  /// (`test_x` and `test_y` to test with, where they are there).
  /// - Parameters:
  ///   - seed: decides which part is kept for the test where the data has none of its own
  ///   - wanted: channels, rows and columns that pictures in files are made to have; `nil` for those
  ///     of the first picture
  init(
    _ path: String, seed: UInt64, classCount: Int? = nil, sizes wanted: [Int]? = nil
  ) throws {
    let source: any ExampleSource
    var own: (any ExampleSource)?
    var counted = classCount
    (pictures, labels) = path.hasSuffix(".npz") ? ("features", "labels") : ("image", "label")
    if path.hasSuffix(".npz") {
      let table = try ArrayFiles.read(path, classCount: classCount)
      source = table
      own = try? ArrayFiles.read(path, part: "test_", classCount: classCount)
      counted =
        counted
        ?? table.columns.first { $0.name == "labels" }.flatMap {
          $0.tensor.integers?.max().map { $0 + 1 }
        }
    } else if try isFolder(path) && entries(of: path).contains(where: { $0.contains("-ubyte") }) {
      let folder = try IDXFolder(path)
      (source, own) = (folder.train, folder.test)
      counted = counted ?? folder.classCount
    } else {
      let files = try ImageFolder(path) { try Tensor(pictureAt: $0, sizes: nil) }
      let sizes =
        try wanted ?? files.files.first.map { try Tensor(pictureAt: $0.path, sizes: nil) }?.shape
      let folder = try ImageFolder(path) { try Tensor(pictureAt: $0, sizes: sizes) }
      source = folder
      counted = counted ?? folder.classNames.count
    }
    if let own {
      (training, test) = (source, own)
    } else {
      (training, test) = source.split(share: 0.1, seed: seed)
    }
    guard let example = try source.batch(of: [0]).tensors[pictures] else {
      throw Failure("\(path): holds no pictures")
    }
    var sizes = Array(example.shape.dropFirst())
    if sizes.count == 2 { sizes.insert(1, at: 0) }
    guard sizes.count == 3 else {
      throw Failure("\(path): expected pictures [N,C,H,W], got \(example)")
    }
    guard let counted, counted >= 2 else { throw Failure("\(path): has fewer than two classes") }
    self.sizes = sizes
    self.classCount = counted
  }

  /// Batches for a graph whose input is called `input`.
  func batches(
    _ source: any ExampleSource, size: Int, seed: UInt64?, input: String, dropsRest: Bool = false
  ) -> any BatchSource {
    source.batches(size: size, seed: seed, dropsRest: dropsRest).renamed([
      pictures: input, labels: Loss.labels,
    ])
  }
}

extension Tensor {
  /// The picture of a file, `[C, H, W]` with samples from 0 to 1.
  /// - Parameter sizes: what it is made to have; `nil` for what it has, transparency left out
  fileprivate init(pictureAt path: String, sizes: [Int]?) throws {
    let image = try Image(contentsOf: path)
    let sizes = sizes ?? [image.channels == 1 ? 1 : 3, image.height, image.width]
    self = try image.tensor(channels: sizes[0], height: sizes[1], width: sizes[2])
      .reshaped(to: sizes)
  }
}
