import ONNXFormat

/// Where a training is: what a resume needs besides tensors.
public struct TrainingProgress: Sendable {
  /// Epochs that are done.
  public var epoch = 0
  /// Batches of the current epoch that are done.
  public var batch = 0
  /// The mean over the current epoch's batches so far.
  public var sum = StepResult()
  /// The best result of validation so far, less being better, and the epoch it belongs to.
  public var best: (score: Double, epoch: Int)?
  public var history: [EpochRecord] = []
  public init() {}
}

/// How an epoch went.
public struct EpochRecord: Sendable, Equatable {
  public var epoch: Int
  public var rate: Double
  public var loss: Double
  public var accuracy: Double?
  public var validationLoss: Double?
  public var validationAccuracy: Double?

  public init(
    epoch: Int, rate: Double, loss: Double, accuracy: Double? = nil,
    validationLoss: Double? = nil, validationAccuracy: Double? = nil
  ) {
    self.epoch = epoch
    self.rate = rate
    self.loss = loss
    self.accuracy = accuracy
    self.validationLoss = validationLoss
    self.validationAccuracy = validationAccuracy
  }

  /// The names of `fields`.
  public static let fieldNames = [
    "epoch", "rate", "loss", "accuracy", "validation_loss", "validation_accuracy",
  ]
  /// The numbers as text that reads back to the same bits; empty for one that is not there.
  public var fields: [String] {
    [
      "\(epoch)", "\(rate)", "\(loss)", accuracy.text, validationLoss.text,
      validationAccuracy.text,
    ]
  }

  init?(fields: [Substring]) {
    guard fields.count == 6, let epoch = Int(fields[0]), let rate = Double(fields[1]),
      let loss = Double(fields[2])
    else { return nil }
    self.init(
      epoch: epoch, rate: rate, loss: loss, accuracy: Double(fields[3]),
      validationLoss: Double(fields[4]), validationAccuracy: Double(fields[5]))
  }
}

extension Double? {
  fileprivate var text: String { map { "\($0)" } ?? "" }
}

extension TrainingProgress {
  private static let prefix = "training."

  /// The progress as metadata of a model.
  var metadata: [MetadataEntry] {
    var entries = [
      ("epoch", "\(epoch)"), ("batch", "\(batch)"), ("loss", "\(sum.loss)"),
      ("counted", "\(sum.counted)"), ("correct", sum.correct.map { "\($0)" } ?? ""),
      (
        "history",
        history.map { $0.fields.joined(separator: ",") }.joined(separator: "\n")
      ),
    ]
    if let best {
      entries += [("best_score", "\(best.score)"), ("best_epoch", "\(best.epoch)")]
    }
    return entries.map { MetadataEntry(key: Self.prefix + $0.0, value: $0.1) }
  }

  /// Reads what `metadata` gave.
  init(_ model: Model) throws(TrainingError) {
    func text(_ key: String) throws(TrainingError) -> String {
      guard let value = model.metadataValue(Self.prefix + key) else {
        throw .checkpoint("no '\(Self.prefix)\(key)' in its metadata: not a checkpoint")
      }
      return value
    }
    func number<T: LosslessStringConvertible>(_ key: String) throws(TrainingError) -> T {
      guard let number = T(try text(key)) else {
        throw .checkpoint("'\(Self.prefix)\(key)' is no number")
      }
      return number
    }
    epoch = try number("epoch")
    batch = try number("batch")
    sum.loss = try number("loss")
    sum.counted = try number("counted")
    sum.correct = Int(try text("correct"))
    for line in try text("history").split(separator: "\n") {
      let fields = line.split(separator: ",", omittingEmptySubsequences: false)
      guard let record = EpochRecord(fields: fields) else {
        throw .checkpoint("its history is damaged")
      }
      history.append(record)
    }
    if model.metadataValue(Self.prefix + "best_score") != nil {
      best = (try number("best_score"), try number("best_epoch"))
    }
    guard epoch >= 0, batch >= 0 else { throw .checkpoint("a count is negative") }
  }
}
