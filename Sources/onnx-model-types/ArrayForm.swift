import ONNXFormat

/// A run with arrays of elements in place of tensors: the sizes that the model leaves open follow from
/// the numbers of elements.
struct ArrayForm {
  /// A size that follows from the number of elements of an input.
  struct Size: Hashable {
    /// The name of the variable.
    let variable: String
    /// The input.
    let input: Int
    /// The other dimensions of the input, as expressions.
    let others: [String]
  }

  /// The sizes to compute, in their order.
  private(set) var sizes: [Size] = []
  /// The dimensions of each input, as expressions.
  private(set) var shapes: [[String]] = []

  /// `nil` where a type has no Swift form, or where a size does not follow from the inputs.
  /// - Parameter names: the scope of the function's parameters and variables
  init?(inputs: [Port], outputs: [Port], names: inout SwiftNames) {
    let types = inputs.compactMap { $0.type?.tensorType }
    guard !inputs.isEmpty, types.count == inputs.count,
      types.allSatisfy({ $0.swiftElement != nil && $0.shape != nil }),
      outputs.allSatisfy({ $0.type?.tensorType?.swiftElement != nil })
    else { return nil }

    var variables: [String: String] = [:]
    func expression(_ dimension: Dimension) -> String? {
      switch dimension {
      case .size(let size): size < 0 ? nil : "\(size)"
      case .symbol(let name): variables[name]
      case .unknown: nil
      }
    }
    var open = Array(types.indices)
    while let (index, unknown) = Self.next(
      open, { types[$0].shape?.filter { expression($0) == nil } })
    {
      open.removeAll { $0 == index }
      guard let unknown else { continue }
      guard case .symbol(let symbol) = unknown else { return nil }
      let variable = SwiftName.source(names.identifier(for: symbol))
      let others = types[index].shape?.compactMap(expression) ?? []
      sizes.append(Size(variable: variable, input: index, others: others))
      variables[symbol] = variable
    }
    guard open.isEmpty else { return nil }
    shapes = types.map { $0.shape?.compactMap(expression) ?? [] }
  }

  /// The first input of which at most one dimension is unknown, and that dimension.
  private static func next(
    _ open: [Int], _ unknown: (Int) -> [Dimension]?
  ) -> (input: Int, dimension: Dimension?)? {
    for index in open {
      if let dimensions = unknown(index), dimensions.count <= 1 { return (index, dimensions.first) }
    }
    return nil
  }
}
