import ONNXFormat

/// Examples in memory: tensors whose first axis is the example.
public struct TensorDataset: ExampleSource {
  /// A tensor with a part of every example.
  public struct Column: Sendable {
    /// The tensor's name in a batch.
    public var name: String
    /// The tensor, `[count, …]`.
    public var tensor: Tensor
    /// The number by which uint8 elements are divided, giving float32; `nil` to keep the elements.
    public var divisor: Float?

    /// Creates a column.
    public init(_ name: String, _ tensor: Tensor, divisor: Float? = nil) {
      self.name = name
      self.tensor = tensor
      self.divisor = divisor
    }
  }

  /// The columns.
  public let columns: [Column]
  /// The number of examples.
  public let count: Int

  /// Creates a dataset.
  /// - Throws: `DataError` if the first sizes differ, two columns have the same name, a column holds
  ///   strings, or a column with a divisor is not uint8.
  public init(_ columns: [Column]) throws(DataError) {
    guard let first = columns.first, let count = first.tensor.shape.first, count > 0 else {
      throw DataError("expected examples, found none")
    }
    for (index, column) in columns.enumerated() {
      guard column.tensor.shape.first == count else {
        throw DataError(
          "expected '\(column.name)' to have \(count) examples like '\(first.name)', "
            + "found \(column.tensor.type)")
      }
      guard !columns[..<index].contains(where: { $0.name == column.name }) else {
        throw DataError("two columns are named '\(column.name)'")
      }
      guard column.divisor == nil || column.tensor.elementType == .uint8 else {
        throw DataError(
          "expected '\(column.name)' to be uint8, since it has a divisor, found \(column.tensor.type)"
        )
      }
      guard column.tensor.elementType != .string else {
        throw DataError("expected '\(column.name)' to hold numbers, found strings")
      }
    }
    self.columns = columns
    self.count = count
  }

  /// Creates a dataset of tensors by name.
  /// - Throws: `DataError` if the first sizes differ or a tensor holds strings.
  public init(_ tensors: [String: Tensor]) throws(DataError) {
    try self.init(tensors.sorted { $0.key < $1.key }.map { Column($0.key, $0.value) })
  }

  /// Copies examples into a batch.
  /// - Throws: `DataError` if memory runs out.
  public func batch(of examples: [Int]) throws(DataError) -> Batch {
    precondition(examples.allSatisfy { (0..<count).contains($0) }, "no such example")
    var tensors: [String: Tensor] = [:]
    for column in columns { tensors[column.name] = try column.rows(examples) }
    return Batch(tensors, count: examples.count)
  }
}

extension TensorDataset.Column {
  fileprivate func rows(_ rows: [Int]) throws(DataError) -> Tensor {
    let inner = tensor.shape.dropFirst()
    let shape = [rows.count] + inner
    let count = inner.elementCount ?? 0
    guard let divisor else {
      let size = count * tensor.elementType.stride
      let result = try Tensor(data: tensor.elementType, shape: shape)
      for (index, row) in rows.enumerated() {
        (result.storage.pointer + index * size).copyMemory(
          from: tensor.storage.pointer + row * size, byteCount: size)
      }
      return result
    }
    let source = tensor.elements(as: UInt8.self)
    return try Tensor(data: Float.self, shape: shape) { target in
      for (index, row) in rows.enumerated() {
        for offset in 0..<count {
          target[index * count + offset] = Float(source[row * count + offset]) / divisor
        }
      }
    }
  }
}

extension TensorDataset {
  /// The elements of the column `labels` or `label`, if they are int64.
  public var classLabels: [Int64]? {
    let column = columns.first { ["labels", "label"].contains($0.name) }
    guard let tensor = column?.tensor, tensor.elementType == .int64 else { return nil }
    return Array(tensor.elements(as: Int64.self))
  }

  /// - Throws: `DataError` if a class less than `classCount` has no example.
  func checkEveryClass(
    _ name: String, _ classCount: Int, in path: String
  ) throws(DataError) {
    guard let labels = columns.first(where: { $0.name == name })?.tensor,
      labels.elementType == .int64
    else { return }
    let found = Set(labels.elements(as: Int64.self))
    if let missing = (0..<classCount).first(where: { !found.contains(Int64($0)) }) {
      throw DataError(
        "expected examples of \(classCount) classes, found none of class \(missing)", in: path)
    }
  }
}
