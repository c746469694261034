/// The number of labels of each true class by their predicted class.
public struct ConfusionMatrix: Sendable, Equatable {
  /// The number of classes.
  public let classCount: Int
  /// The counts row by row: a row is a true class, a column a predicted one.
  public private(set) var counts: [Int]

  /// Creates a matrix without labels.
  /// - Precondition: `classCount` is positive.
  public init(classCount: Int) {
    precondition(classCount > 0, "there is at least one class")
    self.classCount = classCount
    counts = [Int](repeating: 0, count: classCount * classCount)
  }

  /// Counts labels. Those that are not of a class, such as ignored ones, are left out.
  public mutating func add(labels: [Int64], predicted: [Int64]) {
    let classes = 0..<Int64(classCount)
    for (label, guess) in zip(labels, predicted)
    where classes.contains(label) && classes.contains(guess) {
      counts[Int(label) * classCount + Int(guess)] += 1
    }
  }

  /// The number of labels of a true class that were predicted as another class, or as their own.
  public subscript(label: Int, predicted: Int) -> Int { counts[label * classCount + predicted] }

  /// The number of labels of a class.
  public func support(of label: Int) -> Int {
    (0..<classCount).reduce(0) { $0 + self[label, $1] }
  }

  /// The fraction of a class's labels that were predicted as that class; `nil` if it has none.
  public func recall(of label: Int) -> Double? {
    let all = support(of: label)
    return all > 0 ? Double(self[label, label]) / Double(all) : nil
  }

  /// The fraction of the predictions of a class that were right; `nil` if it was not predicted.
  public func precision(of label: Int) -> Double? {
    let all = (0..<classCount).reduce(0) { $0 + self[$1, label] }
    return all > 0 ? Double(self[label, label]) / Double(all) : nil
  }
}
