import ONNXFormat
import ONNXSupport

/// Reads the arrays of a `.npz` file, whose first dimension is that of rows.
final class ArrayReader: TableReader {
  let columns: [String]
  var plan = ColumnPlan()
  private(set) var position = 0
  private let path: String
  private let inputs: [RowInput]
  private let archive: NPZArchive
  private var arrays: [Int: Tensor] = [:]
  private var part = 0..<0
  /// For each input, the shape of its rows, where it does not follow from the number of elements.
  private var shapes: [[Int]?] = []

  init(_ path: String, _ inputs: [RowInput], memoryLimit: Int) throws {
    self.path = path
    self.inputs = inputs
    do { archive = try NPZArchive(path, limits: ReadingLimits(mostMemory: memoryLimit)) } catch {
      throw Failure("\(error)".hasPrefix(path) ? "\(error)" : "\(path): \(error)")
    }
    columns = archive.arrays.map(\.name)
  }

  var allowsUnnamed: Bool { true }

  func open(_ part: Range<Int>) throws {
    if arrays.isEmpty { try load() }
    self.part = part.clamped(to: 0..<rowCount)
    position = min(part.lowerBound, rowCount)
  }

  private var rowCount: Int { arrays.values.first?.shape.first ?? 0 }

  private func load() throws {
    for (input, columns) in zip(inputs, plan.inputs) {
      guard columns.count == 1 else {
        throw Failure(
          "\(path): the input \(input.name.quoted) needs one array, not \(columns.count)")
      }
    }
    for column in Set(plan.inputs.joined()).union(plan.kept) {
      let array = archive.arrays[column]
      guard let rows = array.shape.first else {
        throw Failure("\(path): array \(array.name.quoted): expected rows, found a single number")
      }
      do { arrays[column] = try archive.tensor(array) } catch {
        throw Failure("\(path): array \(array.name.quoted): \(error)")
      }
      guard rows == rowCount else {
        throw Failure(
          "\(path): array \(array.name.quoted) has \(rows) rows, another has \(rowCount); "
            + "--keep names the arrays to carry over")
      }
    }
    for (input, columns) in zip(inputs, plan.inputs) {
      guard let array = arrays[columns[0]] else { continue }
      let inner = Array(array.shape.dropFirst())
      let fits =
        inner.count == input.sizes.count
        && zip(inner, input.sizes).allSatisfy { $1 == nil || $0 == $1 }
      guard fits || input.shape(of: inner.reduce(1, *)) != nil else {
        throw Failure(
          "\(path): array \(self.columns[columns[0]].quoted) has rows of shape "
            + "\(Shape(inner)), the input \(input.name.quoted) is \(input.description)")
      }
      guard canConvert(array.elementType, to: input.elementType) else {
        throw Failure(
          "\(path): array \(self.columns[columns[0]].quoted) holds \(array.elementType), the input "
            + "\(input.name.quoted) is \(input.description)")
      }
      shapes.append(fits ? inner : nil)
    }
  }

  func next(_ limit: Int) throws -> Block? {
    let count = min(limit, part.upperBound - position)
    guard count > 0 else { return nil }
    defer { position += count }
    let values = try zip(shapes, plan.inputs).map { shape, columns in
      guard let array = arrays[columns[0]] else { throw Failure("\(path): an array is missing") }
      let width = array.shape.dropFirst().reduce(1, *)
      let storage: RowValues.Storage
      if array.elementType == .string {
        let all = array.elements(as: String.self)
        storage = .strings(Array(all[position * width..<(position + count) * width]))
      } else {
        storage = .memory(
          UnsafeRawPointer(array.storage.pointer) + position * width * array.elementType.stride,
          owner: array.storage)
      }
      return RowValues(
        storage: storage, layout: .uniform(width), shape: shape, elementType: array.elementType)
    }
    let kept = try plan.kept.compactMap { try arrays[$0]?.rows(position..<position + count) }
    return Block(count: count, inputs: values, kept: .tensors(kept))
  }
}
