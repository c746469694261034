/// An open `.npz` file: the name, type and shape of each array. The arrays are read one by one.
package struct NPZArchive: Sendable {
  /// The description of an array.
  package struct Array: Sendable {
    package let name: String
    package let elementType: ElementType
    package let shape: [Int]
    fileprivate let entry: ZipReader.Entry
  }

  package let arrays: [Array]
  private let file: InputFile
  private let zip: ZipReader
  private let limits: ReadingLimits

  /// Opens a file and reads the headers of all arrays.
  /// - Throws: `FormatError`, without the path.
  package init(_ path: String, limits: ReadingLimits) throws(FormatError) {
    let file = try InputFile(path)
    guard file.count > 0 else { throw FormatError(.invalid("the file is empty")) }
    let source = ByteSource(file)
    let zip = try ZipReader(source)
    var arrays: [Array] = []
    var inflated = MemoryBudget(limit: limits.inflatedSize)
    var plain = MemoryBudget(limit: file.count)
    // A string takes memory even if its text takes no bytes of the file.
    var strings = MemoryBudget(
      limit: limits.memoryLimit(
        fileSize: zip.entries.reduce(0) { sum, entry in
          let (next, overflow) = sum.addingReportingOverflow(entry.size)
          return overflow ? Int.max : next
        }))
    for entry in zip.entries where !entry.name.hasSuffix("/") {
      let name = entry.name.hasSuffix(".npy") ? String(entry.name.dropLast(4)) : entry.name
      do throws(FormatError) {
        // Many entries of the directory may refer to the same bytes.
        if entry.isCompressed {
          try inflated.take(max(0, entry.size))
        } else if plain.remaining < entry.size {
          throw FormatError(.invalid("its bytes also belong to another entry of the zip file"))
        } else {
          try plain.take(entry.size)
        }
        let data = try zip.data(of: entry, in: source)
        let header: NPYHeader
        if entry.isCompressed {
          header = try NPYHeader(
            from: InflatingInput(source, data, size: entry.size), limits: limits)
        } else {
          header = try NPYHeader(from: PlainInput(source, data), limits: limits)
        }
        try strings.take(header.stringBytes(dataSize: entry.size))
        arrays.append(
          Array(
            name: name, elementType: header.dataType.elementType, shape: header.shape,
            entry: entry))
      } catch {
        throw error.within("array \(name.quoted)")
      }
    }
    self.arrays = arrays
    self.file = file
    self.zip = zip
    self.limits = limits
  }

  /// Reads an array.
  package func tensor(_ array: Array) throws(FormatError) -> Tensor {
    let source = ByteSource(file)
    let data = try zip.data(of: array.entry, in: source)
    if array.entry.isCompressed {
      return try read(
        array, CheckedInput(InflatingInput(source, data, size: array.entry.size)), data)
    }
    return try read(array, CheckedInput(PlainInput(source, data)), data)
  }

  private func read<Base: ArrayInput>(
    _ array: Array, _ input: CheckedInput<Base>, _ data: Range<Int>
  ) throws(FormatError) -> Tensor {
    let tensor = try Tensor(npy: input, limits: limits)
    guard input.checksum == array.entry.checksum else {
      throw FormatError(.malformed("the checksum does not match", offset: data.lowerBound))
    }
    return tensor
  }
}

extension NPYHeader {
  /// Bytes of memory for the array's strings without their text, at most as many as `dataSize` bytes of
  /// data can hold.
  fileprivate func stringBytes(dataSize: Int) -> Int {
    guard dataType.elementType == .string, let count = shape.elementCount else { return 0 }
    let most = dataType.size > 0 ? min(count, dataSize / dataType.size) : count
    let (bytes, overflow) = most.multipliedReportingOverflow(by: ElementType.string.stride)
    return overflow ? Int.max : bytes
  }
}
