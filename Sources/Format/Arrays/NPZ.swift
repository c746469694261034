/// Reading and writing NumPy `.npz` files: zip archives of named arrays.
public enum NPZ {
  /// Reads all arrays, in the order of the file.
  /// - Throws: `FormatError`, with the path and the array's name, if the file or an array is not as NumPy
  ///   writes it.
  public static func read(_ path: String, options: ReadingOptions = .init())
    throws(FormatError) -> [(name: String, tensor: Tensor)]
  {
    do throws(FormatError) {
      let archive = try NPZArchive(path, limits: options.limits)
      var arrays: [(name: String, tensor: Tensor)] = []
      for array in archive.arrays {
        do throws(FormatError) {
          arrays.append((array.name, try archive.tensor(array)))
        } catch {
          throw error.within("array \(array.name.quoted)")
        }
      }
      return arrays
    } catch {
      throw error.context.first == path ? error : error.within(path)
    }
  }

  /// Writes arrays under their names.
  /// - Parameter compressed: whether to compress them (deflate).
  /// - Throws: `FormatError`, with the path, if the file cannot be written.
  public static func write(
    _ arrays: [(name: String, tensor: Tensor)], to path: String, compressed: Bool = false
  ) throws(FormatError) {
    try write(arrays.map(\.name), to: path, compressed: compressed) { arrays[$0].tensor }
  }

  /// Writes arrays under their names, in this order.
  /// - Parameter tensor: the array at an index of `names`; called once for each.
  package static func write(
    _ names: [String], to path: String, compressed: Bool = false,
    tensor: (Int) throws(FormatError) -> Tensor
  ) throws(FormatError) {
    do throws(FormatError) {
      let file = try OutputFile(path)
      var zip = ZipWriter(file)
      for (index, name) in names.enumerated() {
        let tensor = try tensor(index)
        if compressed {
          try zip.addCompressed(name + ".npy") { (write) throws(FormatError) in
            try tensor.writeNPY(write)
          }
        } else {
          try zip.addPlain(name + ".npy") { (write) throws(FormatError) in
            try tensor.writeNPY(write)
          }
        }
      }
      try zip.finish()
      try file.commit()
    } catch {
      throw error.context.first == path ? error : error.within(path)
    }
  }
}
