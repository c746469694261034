import Foundation
import ONNX
import Serving
import Synchronization

/// The examples of a run: those to train on, and those that tell how well it does.
struct TrainExamples: Sendable {
  let choice: DataChoice
  let train: TensorDataset
  let validation: TensorDataset
  /// The shape of an example as the network reads it: with other axes, or the middle of a picture.
  private(set) var shape: [Int]

  private init(_ choice: DataChoice, train: TensorDataset, validation: TensorDataset) {
    self.choice = choice
    self.train = train
    self.validation = validation
    shape = choice.shape
  }

  /// Examples that are made.
  /// - Throws: `DataError`
  init(making choice: DataChoice) throws(DataError) {
    func dataset(_ values: [Float], _ labels: [Int64]) throws(DataError) -> TensorDataset {
      try TensorDataset([
        .init(Network.input, Tensor(shape: [labels.count] + choice.shape, values)),
        .init(Loss.labels, Tensor(shape: [labels.count], labels)),
      ])
    }
    if choice.kind == .parity {
      let strings = MadeData.strings(seed: choice.seed)
      func part(_ part: ArraySlice<(bits: [Float], parity: Int64)>) throws(DataError)
        -> TensorDataset
      { try dataset(part.flatMap(\.bits), part.map(\.parity)) }
      let rest = strings.count / 4
      self.init(
        choice, train: try part(strings.dropLast(rest)), validation: try part(strings.suffix(rest)))
    } else {
      let train = MadeData.points(choice, count: MadeData.trainCount, name: "train")
      let test = MadeData.points(choice, count: MadeData.testCount, name: "test")
      self.init(
        choice, train: try dataset(train.0, train.1), validation: try dataset(test.0, test.1))
    }
  }

  /// Examples from files of digits.
  /// - Parameter validationCount: the most test pictures to validate with
  /// - Throws: `DataError`
  init(
    _ choice: DataChoice, folder: String, validationCount: Int
  ) throws(DataError) {
    func dataset(_ source: TensorDataset, first count: Int) throws(DataError) -> TensorDataset {
      var columns = source.columns
      columns[0].name = Network.input
      columns[1].name = Loss.labels
      guard count < source.count else { return try TensorDataset(columns) }
      for index in columns.indices { columns[index].tensor = columns[index].tensor.first(count) }
      return try TensorDataset(columns)
    }
    let digits = try IDXFolder(folder)
    self.init(
      choice, train: try dataset(digits.train, first: digits.train.count),
      validation: try dataset(digits.test, first: validationCount))
    guard train.columns[0].tensor.shape.dropFirst() == choice.shape[...] else {
      throw DataError(
        "expected pictures of 28 × 28 pixels, found \(train.columns[0].tensor.type)", in: folder)
    }
  }

  /// The same examples for a network that reads another shape, which has as many numbers or is a
  /// smaller picture.
  func fitted(to shape: [Int]) -> TrainExamples {
    var copy = self
    copy.shape = shape
    return copy
  }

  /// The batches to train on.
  func trainBatches(size: Int, seed: UInt64) -> MappedBatches {
    MappedBatches(train.batches(size: size, seed: seed)) { batch, _, _ in
      batch.tensors[Network.input] = try batch.tensors[Network.input].map(fit)
    }
  }

  /// The inputs of validation examples, as float32.
  func inputs(_ examples: [Int]) throws -> Tensor {
    try validation.batch(of: examples).tensors[Network.input].map(fit)
      ?? Tensor(shape: [0], [Float]())
  }

  private func fit(_ tensor: Tensor) throws -> Tensor {
    let stored = tensor.shape.dropFirst()
    if stored == shape[...] { return tensor }
    if stored.reduce(1, *) == shape.reduce(1, *) {
      return try tensor.reshaped(to: [tensor.shape[0]] + shape)
    }
    let (side, kept) = (choice.shape[1], shape[1])
    let (margin, pixels) = ((side - kept) / 2, tensor.elements(as: Float.self))
    return Tensor(
      shape: [tensor.shape[0]] + shape,
      (0..<tensor.shape[0] * kept * kept).map { index in
        let (row, column) = (index / kept % kept, index % kept)
        return pixels[(index / (kept * kept) * side + margin + row) * side + margin + column]
      })
  }

  /// The classes of the validation examples.
  var validationLabels: [Int] { (validation.classLabels ?? []).map(Int.init) }

  /// The pixels of a validation picture, a byte each; `nil` for data without pictures.
  func picture(_ example: Int) -> Data? {
    let tensor = validation.columns[0].tensor
    guard tensor.elementType == .uint8 else { return nil }
    let size = choice.shape.reduce(1, *)
    return Data(tensor.elements(as: UInt8.self)[example * size..<(example + 1) * size])
  }

  /// The bits of a validation string; `nil` for other data.
  func text(_ example: Int) -> String? {
    guard choice.kind == .parity else { return nil }
    let bits = validation.columns[0].tensor.elements(as: Float.self)
    let size = choice.shape.reduce(1, *)
    return bits[example * size..<(example + 1) * size].map { $0 > 0 ? "1" : "0" }.joined()
  }
}

extension Tensor {
  /// The first rows of a tensor of bytes or int64 numbers.
  fileprivate func first(_ rows: Int) -> Tensor {
    let shape = [rows] + self.shape.dropFirst()
    let count = shape.reduce(1, *)
    return elementType == .uint8
      ? Tensor(shape: shape, Array(elements(as: UInt8.self).prefix(count)))
      : Tensor(shape: shape, Array(elements(as: Int64.self).prefix(count)))
  }
}

/// The sets of data that this server has. Digits are read once and shared by all runs.
final class TrainData: Sendable {
  private let mnist: String?
  private let read = Mutex<[DataChoice.Kind: TrainExamples]>([:])

  /// - Parameter mnist: a folder of MNIST's four files
  init(mnist: String?) { self.mnist = mnist }

  /// The kinds that there are.
  var kinds: [DataChoice.Kind] {
    DataChoice.Kind.allCases.filter { $0 != .mnist || mnist != nil }
  }

  /// The examples of a choice.
  /// - Throws: `ServingError`
  func examples(_ choice: DataChoice) throws(ServingError) -> TrainExamples {
    do {
      switch choice.kind {
      case .digits:
        guard let folder = Bundle.module.url(forResource: "Digits", withExtension: nil) else {
          throw ServingError(.internalServerError, "the folder of the small digits is missing")
        }
        return try digits(choice, folder.path)
      case .mnist:
        guard let mnist else {
          throw ServingError(
            .badRequest, "data: this server has no folder of MNIST; start it with --mnist FOLDER")
        }
        return try digits(choice, mnist)
      default: return try TrainExamples(making: choice)
      }
    } catch let error as ServingError { throw error } catch {
      throw ServingError(.internalServerError, "\(error)")
    }
  }

  private func digits(_ choice: DataChoice, _ folder: String) throws -> TrainExamples {
    try read.withLock { read in
      if let known = read[choice.kind] { return known }
      let examples = try TrainExamples(choice, folder: folder, validationCount: 500)
      read[choice.kind] = examples
      return examples
    }
  }
}
