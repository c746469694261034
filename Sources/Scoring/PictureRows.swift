import ONNXFormat
import ONNXSupport

/// Reads picture files, a row each.
final class PictureRows: TableReader {
  let columns = ["path"]
  var plan = ColumnPlan()
  private(set) var position = 0
  private let files: [String]
  private let decode: @Sendable (String) throws -> Tensor
  /// Called for a picture that cannot be read; `nil` to throw the error.
  private let skip: ((Failure) -> Void)?
  private var part = 0..<0
  /// A picture of another shape, which begins the next block.
  private var waiting: (path: String, tensor: Tensor)?

  init(
    _ files: [String], _ inputs: [RowInput], decode: @escaping @Sendable (String) throws -> Tensor,
    skip: ((Failure) -> Void)?
  ) throws {
    guard inputs.count == 1 else {
      throw Failure("pictures need a model with one input, this has \(inputs.count)")
    }
    self.files = files
    self.decode = decode
    self.skip = skip
  }

  var allowsUnnamed: Bool { false }

  func open(_ part: Range<Int>) throws {
    self.part = part.clamped(to: 0..<files.count)
    position = min(part.lowerBound, files.count)
  }

  private func advance() throws -> (path: String, tensor: Tensor)? {
    if let waiting {
      self.waiting = nil
      return waiting
    }
    while position < part.upperBound {
      let path = files[position]
      position += 1
      do {
        return (path, try decode(path))
      } catch {
        let text = "\(error)"
        let failure = Failure(text.hasPrefix(path) ? text : "\(path): \(text)")
        guard let skip else { throw failure }
        skip(failure)
      }
    }
    return nil
  }

  func next(_ limit: Int) throws -> Block? {
    guard let first = try advance() else { return nil }
    var pictures = [first]
    let size = max(first.tensor.storage.byteCount, 1)
    while pictures.count < min(limit, max(1, blockBytes / size)), let next = try advance() {
      guard next.tensor.type == first.tensor.type else {
        waiting = next
        break
      }
      pictures.append(next)
    }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(size * pictures.count)
    for picture in pictures { picture.tensor.withUnsafeBytes { bytes.append(contentsOf: $0) } }
    let values = RowValues(
      storage: .bytes(bytes), layout: .uniform(first.tensor.count), shape: first.tensor.shape,
      elementType: first.tensor.elementType)
    return Block(
      count: pictures.count, inputs: [values], kept: .texts([pictures.map(\.path.asJSON)]))
  }
}
