import Glibc
import ONNXFormat
import ONNXTraining
import ToolSupport

/// The results of a model on a data set.
struct EvalScores {
  /// The number of examples, or of tokens of a text.
  var examples = 0
  var classNames: [String] = []
  var isText = false
  /// The result of a tagger.
  var tags: TagScore?
  var marksChunks = false

  /// The number of labels.
  private var counted = 0
  private var right = 0
  private var inTopFive = 0
  private var logLoss = 0.0
  private var hasLoss = false
  private var classCount = 0
  private var matrix: ConfusionMatrix?
  /// Whether scores are probabilities, as those of the first batch.
  private var isDistribution: Bool?

  /// The number of target elements.
  private var elements = 0
  private var squares = 0.0
  private var absolutes = 0.0

  private static let mostClasses = 1000
  private static let mostTableRows = 20

  /// Adds a batch.
  /// - Parameters:
  ///   - targets: labels, int64, or targets, float32; `nil` for none
  ///   - input: the model's input, which an autoencoder's output has the shape of
  ///   - count: the number of rows that count
  mutating func add(_ output: Tensor, _ targets: Tensor?, input: Tensor?, count: Int) throws {
    if let input, output.shape == input.shape, output.shape.count > 1,
      output.elementType.isFloatingPoint,
      targets?.shape != output.shape
    {
      return try addErrors(output, input, rows: count)
    }
    guard let targets else { throw Failure("the data has no labels") }
    if targets.elementType == .int64 {
      try addLabels(output, targets, rows: count)
    } else {
      try addErrors(output, targets, rows: count)
    }
  }

  private mutating func addErrors(_ output: Tensor, _ targets: Tensor, rows: Int) throws {
    guard output.count == targets.count, let a = output.numbers, let b = targets.numbers else {
      throw Failure("expected an output like the targets \(targets.type), found \(output.type)")
    }
    let all = targets.shape.first ?? 1
    let limit = all > 0 ? targets.count / all * min(rows, all) : 0
    for index in 0..<limit {
      let error = a(index) - b(index)
      squares += error * error
      absolutes += abs(error)
    }
    elements += limit
  }

  private mutating func addLabels(_ output: Tensor, _ targets: Tensor, rows: Int) throws {
    let labels = targets.elements(as: Int64.self)
    let all = targets.shape.first ?? 1
    let limit = all > 0 ? targets.count / all * min(rows, all) : 0
    guard let numbers = output.numbers, targets.count > 0, output.count % targets.count == 0,
      output.shape.first == targets.shape.first
    else { throw Failure("expected scores for the labels \(targets.type), found \(output.type)") }
    let classes = output.count / targets.count
    guard output.elementType.isFloatingPoint, classes > 1 else {
      // The output is the class itself.
      guard classes == 1, !output.elementType.isFloatingPoint else {
        throw Failure(
          "expected scores of at least 2 classes for \(targets.type), found \(output.type)")
      }
      for index in 0..<limit where labels[index] != Loss.ignored {
        counted += 1
        right += Int64(exactly: numbers(index)) == labels[index] ? 1 : 0
      }
      return
    }
    if classCount == 0 {
      classCount = classes
      hasLoss = true
      if !isText, classes <= Self.mostClasses { matrix = ConfusionMatrix(classCount: classes) }
    }
    guard classes == classCount else {
      throw Failure("expected scores of \(classCount) classes, found \(output.type)")
    }
    var row = [Double](repeating: 0, count: classes)
    var predicted: [Int64] = []
    var counting: [Int64] = []
    for index in 0..<limit {
      let label = labels[index]
      if label == Loss.ignored { continue }
      guard label >= 0, label < classes else {
        throw Failure("the data has the label \(label), but the model has \(classes) classes")
      }
      for place in 0..<classes { row[place] = numbers(index * classes + place) }
      add(row, Int(label))
      var best = 0
      for place in 1..<classes where row[place] > row[best] || row[best].isNaN { best = place }
      predicted.append(Int64(best))
      counting.append(label)
    }
    matrix?.add(labels: counting, predicted: predicted)
  }

  /// Adds a row of scores.
  private mutating func add(_ row: [Double], _ label: Int) {
    counted += 1
    let own = row[label]
    var (better, largest) = (0, -Double.infinity)
    for (place, score) in row.enumerated() {
      if score > own || score == own && place < label { better += 1 }
      largest = max(largest, score)
    }
    if own.isNaN { better = row.count }
    if better == 0 { right += 1 }
    if better < 5 { inTopFive += 1 }
    let sum = row.reduce(0, +)
    if isDistribution == nil {
      isDistribution = row.allSatisfy { $0 >= 0 } && abs(sum - 1) < 1e-3
    }
    if isDistribution == true {
      logLoss -= log(max(own, 1e-300))
    } else {
      logLoss += largest + log(row.reduce(0) { $0 + exp($1 - largest) }) - own
    }
  }

  // MARK: - Results

  private var accuracy: Double? { counted > 0 ? Double(right) / Double(counted) : nil }
  private var topFive: Double? {
    counted > 0 && classCount > 5 && !isText ? Double(inTopFive) / Double(counted) : nil
  }
  private var loss: Double? { hasLoss && counted > 0 ? logLoss / Double(counted) : nil }
  private var squaredError: Double? { elements > 0 ? squares / Double(elements) : nil }
  private var absoluteError: Double? { elements > 0 ? absolutes / Double(elements) : nil }

  /// The confusion matrix with the names of the classes; `nil` if there is none.
  var table: ConfusionTable? { matrix.map { ConfusionTable($0, names(of: $0)) } }

  private func names(of matrix: ConfusionMatrix) -> [String] {
    (0..<matrix.classCount).map { $0 < classNames.count ? classNames[$0] : "\($0)" }
  }

  func lines(columns: Int) -> [String] {
    var lines: [String] = []
    func line(_ name: String, _ value: Double?, _ format: String = "%.4f") {
      if let value { lines.append(name.padded(to: 22) + formatted(value, format)) }
    }
    lines.append((isText ? "tokens" : "examples").padded(to: 22) + "\(examples)")
    if let tags {
      if marksChunks {
        line("F1", tags.f1)
        line("precision", tags.precision)
        line("recall", tags.recall)
      }
      line("accuracy", tags.accuracy)
      return lines
    }
    if isText {
      line("loss", loss)
      line("perplexity", loss.map { exp($0) }, "%.3f")
      line("accuracy", accuracy)
    } else {
      line("accuracy", accuracy)
      line("top-5 accuracy", topFive)
      line("loss", loss)
    }
    line("mean squared error", squaredError, "%.6g")
    line("mean absolute error", absoluteError, "%.6g")
    if let matrix, let table {
      lines += [""]
      lines +=
        matrix.classCount <= Self.mostTableRows
        ? table.lines(columns: columns) : table.confusions(10)
    }
    return lines
  }

  func json(model: String, data: String, part: String, _ time: Duration) -> JSON {
    func number(_ value: Double?) -> JSON { value.map(JSON.double) ?? .null }
    return .object([
      "model": .string(model), "data": .string(data), "part": .string(part),
      "examples": .int(examples), "counted": .int(tags?.words ?? max(counted, elements)),
      "accuracy": number(tags?.accuracy ?? accuracy), "top5": number(topFive),
      "loss": number(loss), "perplexity": number(isText ? loss.map { exp($0) } : nil),
      "mean_squared_error": number(squaredError), "mean_absolute_error": number(absoluteError),
      "f1": number(marksChunks ? tags?.f1 : nil),
      "precision": number(marksChunks ? tags?.precision : nil),
      "recall": number(marksChunks ? tags?.recall : nil),
      "classes": matrix.map { .array(names(of: $0).map(JSON.string)) } ?? .null,
      "confusion": matrix.map { matrix in
        .array(
          (0..<matrix.classCount).map { row in
            .array((0..<matrix.classCount).map { .int(matrix[row, $0]) })
          })
      } ?? .null,
      "seconds": .double(time / .seconds(1)),
    ])
  }
}
