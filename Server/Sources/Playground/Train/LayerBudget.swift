/// Adds up what the layers of a network need, and refuses more than a run may have.
struct LayerBudget {
  static let mostParameters = 2_000_000
  /// The most numbers that the layers compute from one batch.
  static let mostValues = 8_000_000
  /// The most multiplications of a batch, forwards.
  static let mostProducts = 1_500_000_000

  private let batch: Int
  private var values: Int
  private var parameters = 0
  private var products = 0

  /// - Parameter input: the shape of an example
  init(batch: Int, input: [Int]) {
    self.batch = max(batch, 1)
    values = input.reduce(1, *)
  }

  /// Adds a layer.
  /// - Throws: the sentence of a `LayerProblem`
  mutating func add(_ layer: LayerFacts) throws(Sentence) {
    parameters += layer.parameters
    values += layer.shape.reduce(1, *)
    products += layer.products
    guard parameters <= Self.mostParameters else {
      throw Sentence(
        "the network would have \(parameters) parameters; the most is \(Self.mostParameters)")
    }
    guard values <= Self.mostValues / batch else {
      throw Sentence(
        "a batch of \(batch) would take \(values) numbers each, more than \(Self.mostValues) in all"
      )
    }
    guard products <= Self.mostProducts / batch else {
      throw Sentence(
        "a batch of \(batch) would take \(products) multiplications each, more than "
          + "\(Self.mostProducts) in all")
    }
  }
}
