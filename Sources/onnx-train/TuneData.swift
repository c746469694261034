import ONNX
import ToolSupport

/// The data of `tune`, as batches for the model's input.
struct TuneData {
  var training: any BatchSource
  var validation: (any BatchSource)?
  var test: (any BatchSource)?
  var labels: [(part: String, labels: [Int64])]
  var classNames: [String]?
  var augmented: [Tensor]?
}

extension TuneCommand {
  /// Reads the data and divides it into training, validation and test data.
  func data(_ path: String, _ input: ValueInfo, _ reader: PictureReader) throws -> TuneData {
    let fixed = input.type?.tensorType?.shape?.first?.size
    if let fixed, let batch = arguments.batch, batch != fixed {
      throw Failure(
        "--batch: the model's input '\(input.name)' has a fixed batch size of \(fixed); "
          + "use --accumulate for larger steps")
    }
    let dropsRest = fixed != nil
    var (parts, names, classNames) = try read(path, input, reader)
    if let testShare {
      do {
        try parts.setAside(
          \.test, "test", share: testShare, seed: arguments.seed, atLeast: fixed ?? 1)
      } catch { throw Failure("--test-share", error) }
    }
    let isGiven = preparation.validationShare != nil
    let share = preparation.validationShare ?? (plain ? 0 : parts.defaultValidationShare)
    if share > 0, isGiven || Double(parts.training.count) * share >= Double(fixed ?? 1) {
      do {
        try parts.setAside(
          \.validation, "validation", share: share, seed: arguments.seed, atLeast: fixed ?? 1)
      } catch { throw Failure("--validation-share", error) }
      if let count = parts.validation?.count {
        printError(
          "\(count) of \(parts.training.count + count) examples are set aside for validation; "
            + "--validation-share 0 trains on all")
      }
    }
    func batches(_ part: (any ExampleSource)?) -> (any BatchSource)? {
      part?.batches(size: fixed ?? 500, seed: nil, dropsRest: dropsRest).renamed(names)
    }
    let training = parts.training.batches(
      size: fixed ?? arguments.batch ?? 64, seed: plain ? nil : arguments.seed,
      dropsRest: dropsRest
    ).renamed(names)
    guard training.batchCount > 0 else {
      throw Failure(
        "\(path): expected at least \(fixed ?? 1) examples for a batch, got \(parts.training.count)"
      )
    }
    let augmentation = try augmentation(parts.training, names, input)
    return TuneData(
      training: training.augmented(augmentation, input.name, seed: arguments.seed),
      validation: batches(parts.validation), test: batches(parts.test), labels: parts.labels,
      classNames: classNames,
      augmented: try augmentation.flatMap { augmentation in
        try names.first { $0.value == input.name }.map {
          try augmentation.examples(parts.training, $0.key, seed: arguments.seed)
        }
      })
  }

  /// The changes of `--augment` for pictures of the data's size.
  private func augmentation(
    _ source: any ExampleSource, _ names: [String: String], _ input: ValueInfo
  ) throws -> PictureAugmentation? {
    guard let changes = try preparation.augmentation, !changes.isEmpty else { return nil }
    let name = names.first { $0.value == input.name }?.key ?? ""
    guard let example = try source.batch(of: [0]).tensors[name], example.shape.count == 4 else {
      throw Failure("--augment: expected pictures [N,C,H,W] as the data")
    }
    return try PictureAugmentation(changes, sizes: Array(example.shape.dropFirst()))
  }

  /// The examples, the name in a batch of the graph by that in the data, and the names of the classes.
  private func read(
    _ path: String, _ input: ValueInfo, _ reader: PictureReader
  ) throws -> (DataParts, [String: String], [String]?) {
    if path.hasSuffix(".npz") {
      guard preparation.size == nil, !normalization.isAny else {
        throw Failure("--size, --mean, --scale and --std are for picture files, not for \(path)")
      }
      let parts = try DataParts(npz: path)
      return (parts, ["features": input.name, "labels": Loss.labels], nil)
    }
    guard testShare == nil else {
      throw Failure("--test-share: expected an .npz file as --data, got \(path)")
    }
    let shape = input.type?.tensorType?.shape?.dimensions.dropFirst().map(\.size)
    let given = shape?.compactMap { $0 } ?? []
    let sizes = given.count == 3 && shape?.count == 3 ? given : nil
    let size = try preparation.heightAndWidth
    if let sizes, let size, size != Array(sizes[1...]) {
      throw Failure(
        "--size: the model's input '\(input.name)' expects \(sizes[1]) x \(sizes[2]) pixels, got "
          + "\(size[0]) x \(size[1])")
    }
    let channels = shape?.count == 3 ? shape?[0] : nil
    let data = try PictureData(
      path, seed: arguments.seed, classCount: replaceHead, sizes: sizes, size: size,
      decode: { path, sizes in
        // A model may fix the channels alone.
        try reader.read(path, sizes.map { [channels ?? $0[0]] + $0[1...] })
      })
    if let sizes, sizes != data.sizes {
      throw Failure(
        "\(path): the pictures have the shape \(data.sizes), but the model's input "
          + "'\(input.name)' expects \(sizes)")
    }
    if data.classNames == nil, normalization.isAny {
      throw Failure("--mean, --scale and --std are for picture files, not for \(path)")
    }
    return (data.parts, [data.pictures: input.name, data.labels: Loss.labels], data.classNames)
  }
}
