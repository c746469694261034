import ONNXFormat

/// Reads examples from NumPy files: a `.npz` archive with arrays `x` and `y`, or a folder with `x.npy`
/// and `y.npy`.
public enum ArrayFiles {
  /// Reads the arrays. Batches have the tensors `features` and `labels`. Floating-point numbers become
  /// float32, integer features float32, and integer labels int64. uint8 features are scaled from 0…255
  /// to 0…1.
  /// - Parameters:
  ///   - part: A prefix of the names `x` and `y`, such as `test_`.
  ///   - classCount: The number of classes, which labels must be less than.
  /// - Throws: `DataError` if an array is missing, the numbers of features and labels differ, or a
  ///   label is out of range.
  public static func read(
    _ path: String, part: String = "", classCount: Int? = nil
  ) throws(DataError) -> TensorDataset {
    let names = ["\(part)x", "\(part)y"]
    var arrays: [Tensor] = []
    if isDataFolder(path) {
      for name in names {
        let file = "\(path)/\(name).npy"
        guard dataExists(file) else {
          throw DataError("expected a file '\(name).npy', found none", in: path)
        }
        do { arrays.append(try Tensor(npyContentsOf: file)) } catch { throw DataError("\(error)") }
      }
    } else {
      let found: [(name: String, tensor: Tensor)]
      do { found = try NPZ.read(path) } catch { throw DataError("\(error)") }
      for name in names {
        guard let array = found.first(where: { $0.name == name }) else {
          let list = found.prefix(8).map(\.name.quoted).joined(separator: ", ")
          throw DataError(
            "expected arrays '\(names[0])' and '\(names[1])', found \(list.isEmpty ? "none" : list)",
            in: path)
        }
        arrays.append(array.tensor)
      }
    }
    do throws(DataError) {
      let (x, y) = (arrays[0], arrays[1])
      guard x.shape.first != nil, x.shape.first == y.shape.first else {
        throw DataError(
          "expected as many labels 'y' as features 'x', found x \(x.type) and y \(y.type)")
      }
      let isByte = x.elementType == .uint8
      let features = isByte ? x : try converted(x, toFloat: true, "x")
      let labels = try converted(y, toFloat: isReal(y.elementType), "y")
      if let classCount, labels.elementType == .int64,
        let index = labels.elements(as: Int64.self).firstIndex(where: {
          !(0..<Int64(classCount)).contains($0)
        })
      {
        throw DataError(
          "expected labels from 0 to \(classCount - 1), found "
            + "\(labels.elements(as: Int64.self)[index]) at \(index)")
      }
      return try TensorDataset([
        .init("features", features, divisor: isByte ? 255 : nil), .init("labels", labels),
      ])
    } catch { throw DataError(error.problem, in: error.path ?? path) }
  }

  /// Reads the arrays of a part of a `.npz` archive, such as `test_x` and `test_y` for `test_`.
  /// - Returns: `nil` if the archive has neither
  /// - Throws: `DataError` as `read`, also if it has only one of them
  package static func readPart(
    _ path: String, _ part: String, classCount: Int? = nil
  ) throws(DataError) -> TensorDataset? {
    let names: [String]
    do { names = try NPZArchive(path, limits: ReadingOptions().limits).arrays.map(\.name) } catch {
      throw DataError("\(error)")
    }
    guard names.contains("\(part)x") || names.contains("\(part)y") else { return nil }
    return try read(path, part: part, classCount: classCount)
  }

  private static func isReal(_ type: ElementType) -> Bool {
    [.float16, .float32, .float64].contains(type)
  }

  private static func converted(
    _ tensor: Tensor, toFloat: Bool, _ name: String
  ) throws(DataError) -> Tensor {
    func floats<T: BinaryFloatingPoint & Element>(_: T.Type) throws(TensorError) -> Tensor {
      let source = tensor.elements(as: T.self)
      return try Tensor(Float.self, shape: tensor.shape) { target in
        for index in 0..<tensor.count { target[index] = Float(source[index]) }
      }
    }
    func integers<T: FixedWidthInteger & Element>(_: T.Type) throws(TensorError) -> Tensor {
      let source = tensor.elements(as: T.self)
      if toFloat {
        return try Tensor(Float.self, shape: tensor.shape) { target in
          for index in 0..<tensor.count { target[index] = Float(source[index]) }
        }
      }
      return try Tensor(Int64.self, shape: tensor.shape) { target in
        for index in 0..<tensor.count { target[index] = Int64(clamping: source[index]) }
      }
    }
    do {
      switch tensor.elementType {
      case .float32: return tensor
      case .float64: return try floats(Double.self)
      case .float16: return try floats(Float16.self)
      case .int64: return toFloat ? try integers(Int64.self) : tensor
      case .int32: return try integers(Int32.self)
      case .int16: return try integers(Int16.self)
      case .int8: return try integers(Int8.self)
      case .uint64: return try integers(UInt64.self)
      case .uint32: return try integers(UInt32.self)
      case .uint16: return try integers(UInt16.self)
      case .uint8: return try integers(UInt8.self)
      default: throw DataError("expected '\(name)' to hold numbers, found \(tensor.type)")
      }
    } catch { throw error as? DataError ?? DataError("'\(name)': \(error)") }
  }
}
