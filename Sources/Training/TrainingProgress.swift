import ONNXFormat

/// The position and the history of a training run: the state that a resume needs besides tensors.
public struct TrainingProgress: Sendable {
  /// The number of epochs completed.
  public var epoch = 0
  /// The number of epochs that the learning rate schedule is made for.
  public var epochs = 0
  /// The number of batches completed in the current epoch.
  public var batch = 0
  /// The mean result of the current epoch so far.
  public var sum = StepResult()
  /// The best validation result so far, lower being better, and its epoch, counted from 1.
  public var best: (score: Double, epoch: Int)?
  /// The results of the completed epochs.
  public var history: [EpochRecord] = []

  /// Creates the progress of a training run that has not started.
  public init() {}
}

/// The results of an epoch.
public struct EpochRecord: Sendable, Equatable {
  /// The epoch's number, from 1.
  public var epoch: Int
  /// The learning rate of the last batch.
  public var rate: Double
  /// The mean loss of the training batches.
  public var loss: Double
  /// The accuracy on the training batches; `nil` for losses other than cross entropy.
  public var accuracy: Double?
  /// The mean loss of the validation batches, if there are any.
  public var validationLoss: Double?
  /// The accuracy on the validation batches, if there are any and the loss is cross entropy.
  public var validationAccuracy: Double?
  /// The figures of `TrainingOptions.metrics` on the validation batches, by name.
  public var metrics: [String: Double]

  /// Creates a record.
  public init(
    epoch: Int, rate: Double, loss: Double, accuracy: Double? = nil,
    validationLoss: Double? = nil, validationAccuracy: Double? = nil,
    metrics: [String: Double] = [:]
  ) {
    self.epoch = epoch
    self.rate = rate
    self.loss = loss
    self.accuracy = accuracy
    self.validationLoss = validationLoss
    self.validationAccuracy = validationAccuracy
    self.metrics = metrics
  }

  /// The names of `fields`.
  public static let fieldNames = [
    "epoch", "rate", "loss", "accuracy", "validation_loss", "validation_accuracy",
  ]
  /// The numbers as text that reads back to the same bits. Missing numbers are empty.
  public var fields: [String] {
    [
      "\(epoch)", "\(rate)", "\(loss)", accuracy.text, validationLoss.text,
      validationAccuracy.text,
    ]
  }

  /// The record as a line of a checkpoint: the fields, and `name=value` for each metric.
  fileprivate var line: String {
    (fields + metrics.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" })
      .joined(separator: ",")
  }

  fileprivate init?(line: Substring) {
    let parts = line.split(separator: ",", omittingEmptySubsequences: false)
    let fields = parts.prefix(6)
    guard fields.count == 6, let epoch = Int(fields[0]), let rate = Double(fields[1]),
      let loss = Double(fields[2])
    else { return nil }
    self.init(
      epoch: epoch, rate: rate, loss: loss, accuracy: Double(fields[3]),
      validationLoss: Double(fields[4]), validationAccuracy: Double(fields[5]))
    for part in parts.dropFirst(6) {
      let pair = part.split(separator: "=")
      guard pair.count == 2, let value = Double(pair[1]) else { return nil }
      metrics[String(pair[0])] = value
    }
  }
}

extension Double? {
  fileprivate var text: String { map { "\($0)" } ?? "" }
}

extension TrainingProgress {
  private static let prefix = "training."
  /// The counts that a checkpoint can have.
  static let counts = 0...1 << 52

  /// The progress as a model's metadata.
  var metadata: [MetadataEntry] {
    var entries = [
      ("epoch", "\(epoch)"), ("epochs", "\(epochs)"), ("batch", "\(batch)"),
      ("loss", "\(sum.loss)"),
      ("counted", "\(sum.counted)"), ("weight", "\(sum.weight)"),
      ("correct", sum.correct.map { "\($0)" } ?? ""),
      (
        "history",
        history.map(\.line).joined(separator: "\n")
      ),
    ]
    if let best {
      entries += [("best_score", "\(best.score)"), ("best_epoch", "\(best.epoch)")]
    }
    return entries.map { MetadataEntry(key: Self.prefix + $0.0, value: $0.1) }
  }

  /// Reads the progress from a model's metadata.
  init(_ model: Model) throws(TrainingError) {
    func text(_ key: String) throws(TrainingError) -> String {
      guard let value = model.metadataValue(Self.prefix + key) else {
        throw .checkpoint(
          "the model is not a checkpoint: its metadata has no '\(Self.prefix)\(key)'")
      }
      return value
    }
    func number<T: LosslessStringConvertible>(_ key: String) throws(TrainingError) -> T {
      guard let number = T(try text(key)) else {
        throw .checkpoint("metadata '\(Self.prefix)\(key)' is not a number")
      }
      return number
    }
    epoch = try number("epoch")
    epochs = try number("epochs")
    batch = try number("batch")
    sum.loss = try number("loss")
    sum.counted = try number("counted")
    sum.weight = try number("weight")
    sum.correct = Int(try text("correct"))
    for line in try text("history").split(separator: "\n") {
      guard let record = EpochRecord(line: line) else {
        throw .checkpoint("metadata '\(Self.prefix)history' is damaged")
      }
      history.append(record)
    }
    if model.metadataValue(Self.prefix + "best_score") != nil {
      best = (try number("best_score"), try number("best_epoch"))
    }
    let counts = [
      ("epoch", epoch), ("epochs", epochs), ("batch", batch), ("correct", sum.correct ?? 0),
      ("best_epoch", best?.epoch ?? 0),
    ]
    for (key, count) in counts where !TrainingProgress.counts.contains(count) {
      throw .checkpoint("metadata '\(Self.prefix)\(key)': expected a count, got \(count)")
    }
    guard sum.loss.isFinite, sum.counted.isFinite, sum.weight.isFinite else {
      throw .checkpoint("metadata '\(Self.prefix)loss' is not finite")
    }
  }
}
