import ONNXFormat
import ONNXInterpreter
import ONNXSupport

/// An input of a model, as one row of a table gives it.
package struct RowInput: Sendable {
  package let name: String
  package let elementType: ElementType
  /// The sizes of a row's dimensions; `nil` for one that a row may choose.
  package let sizes: [Int?]

  /// The number of elements of a row; `nil` if rows may differ.
  var count: Int? {
    sizes.contains(nil) ? nil : sizes.compactMap { $0 }.elementCount
  }

  /// The shape of a row of `count` elements; `nil` if they do not fit.
  func shape(of count: Int) -> [Int]? {
    let known = sizes.compactMap { $0 }
    guard let product = known.elementCount else { return nil }
    switch sizes.count - known.count {
    case 0: return product == count ? known : nil
    case 1 where product > 0 && count % product == 0: return sizes.map { $0 ?? count / product }
    default: return nil
    }
  }

  /// The type of a row, for errors.
  var description: String { "\(elementType)\(Shape(sizes.map(Dimension.init)))" }

  /// The error for a row of `count` values, which do not fit.
  func misfit(_ count: Int) -> String {
    "\(count) values do not make the input \(name.quoted), \(description)"
  }
}

/// A model whose inputs and outputs have a dimension of rows in front.
package struct RowModel: Sendable {
  package let session: Session
  package let inputs: [RowInput]
  /// The number of rows that each run must have; `nil` for any.
  package let fixedBatch: Int?

  private static let types: Set<ElementType> = [
    .float32, .float64, .float16, .bfloat16, .int8, .int16, .int32, .int64, .uint8, .uint16,
    .uint32, .uint64, .bool, .string,
  ]

  /// - Parameter shapes: shapes of inputs, with the dimension of rows, that the user asked for
  /// - Throws: `Failure` for a model that has no rows
  package init(_ session: Session, shapes: [String: [Int]] = [:]) throws(Failure) {
    self.session = session
    var inputs: [RowInput] = []
    var batches: [Dimension] = []
    for info in session.inputs {
      guard let type = info.type?.tensorType, let shape = type.shape, shape.rank > 0 else {
        throw Failure(
          "the input \(info.name.quoted) is \(info.type?.description ?? "of unknown type"); "
            + "expected a tensor with a first dimension for rows")
      }
      guard Self.types.contains(type.elementType) else {
        throw Failure("the input \(info.name.quoted) is \(type), which no table can give")
      }
      var sizes = shape.dropFirst().map(\.size)
      if let wanted = shapes[info.name] {
        guard wanted.count == shape.rank,
          zip(sizes, wanted.dropFirst()).allSatisfy({
            $0 == nil || $0 == $1
          })
        else {
          throw Failure("--shape: input \(info.name.quoted) is \(type), not \(Shape(wanted))")
        }
        sizes = wanted.dropFirst().map { $0 }
      }
      inputs.append(RowInput(name: info.name, elementType: type.elementType, sizes: sizes))
      batches.append(shape[0])
    }
    guard !inputs.isEmpty else { throw Failure("the model has no inputs to score") }
    for info in session.outputs where info.type != nil && info.type?.tensorType == nil {
      throw Failure(
        "the output \(info.name.quoted) is \(info.type?.description ?? ""), not a tensor; --value "
          + "names the values to write")
    }
    let fixed = Set(batches.compactMap(\.size))
    guard fixed.count <= 1, fixed != [0] else {
      throw Failure(
        "the inputs have \(fixed.sorted().map(String.init).joined(separator: " and ")) rows each "
          + "run; expected the same number for all")
    }
    self.inputs = inputs
    fixedBatch = fixed.first
  }

  /// The end of the rows from `start` on that can run together: they have the same shapes, and are no
  /// more than `limit`.
  func end(of block: Block, from start: Int, limit: Int) -> Int {
    var end = min(block.count, start + limit)
    for values in block.inputs { end = min(end, values.endOfEqualRows(start, end)) }
    return end
  }

  /// Runs rows that have the same shapes.
  /// - Returns: the outputs, each with a row for each of `rows`
  func run(_ block: Block, _ rows: Range<Int>) throws -> [Tensor] {
    let count = fixedBatch ?? rows.count
    var given: [String: Tensor] = [:]
    for (input, values) in zip(inputs, block.inputs) {
      given[input.name] = try values.tensor(rows, padded: count, for: input)
    }
    let results = try session.run(given)
    return try session.outputs.map { info in
      guard let tensor = results[info.name] else {
        throw Failure(
          "the output \(info.name.quoted) is not a tensor; --value names the values to write")
      }
      guard tensor.shape.first == count else {
        throw Failure(
          "the output \(info.name.quoted) of \(count) rows is \(tensor.type); expected a first "
            + "dimension of \(count)")
      }
      return count == rows.count ? tensor : try tensor.rows(0..<rows.count)
    }
  }
}

extension Tensor {
  /// The number of elements of a row.
  var rowSize: Int { shape.dropFirst().reduce(1, *) }

  /// A copy of some rows.
  func rows(_ range: Range<Int>) throws -> Tensor {
    let width = rowSize
    let shape = [range.count] + shape.dropFirst()
    if elementType == .string {
      let all = elements(as: String.self)
      return Tensor(
        shape: shape, Array(all[range.lowerBound * width..<range.upperBound * width]))
    }
    let result = try Tensor(uninitialized: elementType, shape: shape)
    let size = width * elementType.stride
    result.storage.pointer.copyMemory(
      from: storage.pointer + range.lowerBound * size, byteCount: range.count * size)
    return result
  }
}
