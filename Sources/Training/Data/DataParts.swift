import ONNXFormat

/// Examples to train on, to choose the best epoch by, and to test on.
package struct DataParts: Sendable {
  package var training: any ExampleSource
  package var validation: (any ExampleSource)?
  package var test: (any ExampleSource)?

  package init(
    training: any ExampleSource, validation: (any ExampleSource)? = nil,
    test: (any ExampleSource)? = nil
  ) {
    self.training = training
    self.validation = validation
    self.test = test
  }

  /// Reads the arrays `x` and `y` of a `.npz` archive, and `validation_x`, `validation_y`, `test_x` and
  /// `test_y` if it has them.
  /// - Throws: `DataError` as `ArrayFiles.read`
  package init(npz path: String) throws(DataError) {
    self.init(
      training: try ArrayFiles.read(path),
      validation: try ArrayFiles.readPart(path, "validation_"),
      test: try ArrayFiles.readPart(path, "test_"))
  }

  /// Moves a share of the training examples, drawn at random, to the test or the validation examples.
  /// - Parameters:
  ///   - share: The share, more than 0 and less than 1.
  ///   - byClass: Whether each class gives its share, where the examples have classes.
  ///   - size: The fewest examples that either side may have.
  /// - Throws: `DataError` if there are such examples already, or a side has too few.
  package mutating func setAside(
    _ part: WritableKeyPath<DataParts, (any ExampleSource)?> & Sendable, _ name: String,
    share: Double, seed: UInt64, byClass: Bool = false, atLeast size: Int = 1
  ) throws(DataError) {
    guard self[keyPath: part] == nil else {
      throw DataError("the data has \(name) examples of its own, so none can be set aside")
    }
    let parts = byClass ? training.splitByClass(share: share, seed: seed) : nil
    let (rest, aside) = parts ?? training.split(share: share, seed: seed)
    guard rest.count >= size, aside.count >= size else {
      throw DataError(
        "a \(name) share of \(share) makes \(aside.count) of \(training.count) examples and leaves "
          + "\(rest.count): expected at least \(size) on each side")
    }
    (training, self[keyPath: part]) = (rest, aside)
  }

  /// The share of examples that are set aside for validation if nobody says otherwise: a tenth if that
  /// is enough for a score, none of fewer than 200 examples.
  package var defaultValidationShare: Double {
    validation == nil && training.count >= 200 ? 0.1 : 0
  }

  /// The labels of each part, by its name.
  package var labels: [(part: String, labels: [Int64])] {
    let parts = [
      ("training data", training.classLabels), ("validation data", validation?.classLabels),
      ("test data", test?.classLabels),
    ]
    return parts.compactMap { name, labels in labels.map { (name, $0) } }
  }
}
