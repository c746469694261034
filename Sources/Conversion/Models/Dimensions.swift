import ONNX

/// A choice of dimensions of a model's inputs.
public enum DimensionChoice: Sendable, Hashable {
  /// All dimensions with a name, in all inputs.
  case symbol(String)
  /// One axis of one input; a negative axis counts from the end.
  case axis(input: String, Int)

  /// The choice that a text states.
  /// - Parameter text: `NAME` or `INPUT[AXIS]`
  public init(_ text: String) {
    if text.hasSuffix("]"), let open = text.lastIndex(of: "["),
      let axis = Int(text[text.index(after: open)...].dropLast())
    {
      self = .axis(input: String(text[..<open]), axis)
    } else {
      self = .symbol(text)
    }
  }
}

extension Model {
  /// The model with other sizes of its inputs. The types of all other values are inferred again.
  /// - Parameters:
  ///   - choice: the dimensions to set
  ///   - dimension: their size or name
  ///   - operators: operators that this package lacks, as in `SessionOptions.operators`
  /// - Throws: `ConversionError` where there is no such dimension, and where the graph is not valid
  ///   with that size
  public func setting(
    _ choice: DimensionChoice, to dimension: Dimension, operators: [any Operator.Type] = []
  ) throws(ConversionError) -> Model {
    var result = self
    var count = 0
    switch choice {
    case .symbol(let name):
      for index in result.graph.inputs.indices {
        count += result.graph.inputs[index].replace(.symbol(name), by: dimension)
      }
      guard count > 0 else {
        let names = Set(graph.inputs.flatMap { $0.type?.tensorType?.shape.map(\.symbols) ?? [] })
        let hint =
          names.isEmpty
          ? "" : "; the named dimensions are \(names.sorted().joined(separator: ", "))"
        throw ConversionError("no input has a dimension \(name.quoted)\(hint)")
      }
    case .axis(let name, let axis):
      guard let index = graph.inputs.firstIndex(where: { $0.name == name }),
        var type = graph.inputs[index].type?.tensorType, var shape = type.shape,
        (-shape.rank..<shape.rank).contains(axis)
      else { throw ConversionError("no input \(name.quoted) has an axis \(axis)") }
      shape[axis < 0 ? axis + shape.rank : axis] = dimension
      type.shape = shape
      result.graph.inputs[index].type = ValueType(
        .tensor(type), denotation: graph.inputs[index].type?.denotation)
    }
    result.graph.valueInfos = []
    result.graph.forgetOutputSizes()
    let types: [String: ValueType]
    do { types = try Session(result, options: .checking(operators)).types() } catch {
      throw ConversionError("the graph is not valid with that size: \(error)")
    }
    for (index, output) in graph.outputs.enumerated() {
      guard let found = types[output.name]?.tensorType?.shape,
        let stated = output.type?.tensorType
      else { continue }
      result.graph.outputs[index].type = ValueType(
        .tensor(
          TensorType(stated.elementType, found.naming(stated.shape, of: choice, dimension))),
        denotation: output.type?.denotation)
    }
    return result
  }
}

extension Shape {
  fileprivate var symbols: [String] {
    compactMap { if case .symbol(let name) = $0 { name } else { nil } }
  }

  /// The shape with the names that `stated` has for dimensions that are free, except for the one that
  /// changed.
  fileprivate func naming(
    _ stated: Shape?, of choice: DimensionChoice, _ dimension: Dimension
  ) -> Shape {
    guard let stated, stated.rank == rank else { return self }
    var result = self
    for axis in indices where self[axis].size == nil {
      if case .symbol(let name) = stated[axis] {
        result[axis] = choice == .symbol(name) ? dimension : stated[axis]
      }
    }
    return result
  }
}

extension ValueInfo {
  /// Replaces a dimension wherever it occurs.
  /// - Returns: the number of replacements
  fileprivate mutating func replace(_ old: Dimension, by new: Dimension) -> Int {
    guard var tensor = type?.tensorType, var shape = tensor.shape else { return 0 }
    let places = shape.indices.filter { shape[$0] == old }
    for axis in places { shape[axis] = new }
    tensor.shape = shape
    type = ValueType(.tensor(tensor), denotation: type?.denotation)
    return places.count
  }
}

extension Graph {
  fileprivate mutating func forgetOutputSizes() {
    for index in outputs.indices {
      guard let tensor = outputs[index].type?.tensorType, let shape = tensor.shape else { continue }
      outputs[index].type = ValueType(
        .tensor(TensorType(tensor.elementType, Shape(rank: shape.rank))),
        denotation: outputs[index].type?.denotation)
    }
  }
}
