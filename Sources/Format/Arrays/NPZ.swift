/// NumPy's `.npz` files: named arrays in a zip file.
public enum NPZ {
  /// Reads all arrays, in the file's order.
  /// - Throws: `FormatError`, with the path, where the file or an array is not as NumPy writes it.
  public static func read(_ path: String, options: ReadingOptions = .init())
    throws(FormatError) -> [(name: String, tensor: Tensor)]
  {
    do throws(FormatError) {
      let file = try InputFile(path)
      guard file.count > 0 else { throw FormatError(.invalid("the file is empty")) }
      let source = ByteSource(file)
      var arrays: [(name: String, tensor: Tensor)] = []
      var budget = MemoryBudget(limit: options.limits.inflatedSize)
      let zip = try ZipReader(source)
      for entry in zip.entries where !entry.name.hasSuffix("/") {
        let name = entry.name.hasSuffix(".npy") ? String(entry.name.dropLast(4)) : entry.name
        do throws(FormatError) {
          // The same bytes may stand in the directory many times.
          try budget.take(max(0, entry.size))
          let data = try zip.data(of: entry, in: source)
          arrays.append((name, try read(entry, data, in: source, options.limits)))
        } catch {
          throw error.within("array \(name.quoted)")
        }
      }
      return arrays
    } catch {
      throw error.context.first == path ? error : error.within(path)
    }
  }

  private static func read(
    _ entry: ZipReader.Entry, _ data: Range<Int>, in source: ByteSource, _ limits: ReadingLimits
  ) throws(FormatError) -> Tensor {
    let tensor: Tensor
    let checksum: UInt32
    if entry.isCompressed {
      let input = CheckedInput(try InflatingInput(source, data, size: entry.size))
      tensor = try Tensor(npy: input, limits: limits)
      checksum = input.checksum
    } else {
      let input = CheckedInput(PlainInput(source, data))
      tensor = try Tensor(npy: input, limits: limits)
      checksum = input.checksum
    }
    guard checksum == entry.checksum else {
      throw FormatError(.malformed("the check sum is wrong", offset: data.lowerBound))
    }
    return tensor
  }

  /// Writes the arrays under their names, compressed or as they are.
  public static func write(
    _ arrays: [(name: String, tensor: Tensor)], to path: String, compressed: Bool = false
  ) throws(FormatError) {
    do throws(FormatError) {
      let file = try OutputFile(path)
      var zip = ZipWriter(file)
      for (name, tensor) in arrays {
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
