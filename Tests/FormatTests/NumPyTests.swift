import ComplexModule
import ONNX
import Testing

@testable import ONNXFormat

@Suite struct NumPyTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// A file written by NumPy.
  private func reference(_ name: String) throws -> [UInt8] {
    let (size, text) = try #require(numPyFiles[name])
    let digits = text.filter(\.isHexDigit)
    let packed = stride(from: 0, to: digits.count, by: 2).map { index in
      let start = digits.index(digits.startIndex, offsetBy: index)
      return UInt8(digits[start..<digits.index(start, offsetBy: 2)], radix: 16) ?? 0
    }
    return try ByteSource.reading(packed) { (source) throws(FormatError) in
      try InflatingInput(source, 0..<packed.count, size: size).bytes(size)
    }
  }

  private func load(_ bytes: [UInt8]) throws -> Tensor {
    try Tensor(npyContentsOf: folder.write(bytes, to: "array.npy"))
  }

  private func error(_ bytes: [UInt8]) -> String? {
    do {
      _ = try load(bytes)
      return nil
    } catch { return "\(error)" }
  }

  private func header(_ text: String, data: Int = 0) -> [UInt8] {
    let bytes = Array(text.utf8)
    return [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(bytes.count), 0] + bytes
      + [UInt8](repeating: 0, count: data)
  }

  @Test func filesOfNumPy() throws {
    let values = [0, 0.5, 1, 1.5, 2, 2.5] as [Float]
    #expect(try load(reference("float32")) == Tensor(shape: [2, 3], values))
    #expect(try load(reference("float32BigEndian")) == Tensor(shape: [2, 3], values))
    #expect(
      try load(reference("int16Fortran")) == Tensor(shape: [2, 3], [0, 1, 2, 3, 4, 5] as [Int16]))
    #expect(
      try load(reference("int64BigEndianFortran"))
        == Tensor(shape: [2, 3, 4], (0..<24).map(Int64.init)))
    #expect(
      try load(reference("bool"))
        == Tensor(shape: [2, 3], [false, true, false, true, false, true]))
    #expect(try load(reference("scalar")) == Tensor(1.5 as Double))
    #expect(try load(reference("empty")) == Tensor(shape: [0, 3], [] as [UInt8]))
    #expect(
      try load(reference("complex64"))
        == Tensor(shape: [2], [Complex<Float>(1, 2), Complex<Float>(-0.0, -1)]))
    #expect(
      try load(reference("complex128BigEndian")) == Tensor(shape: [1], [Complex<Double>(1, 2)]))
    #expect(try load(reference("float16")) == Tensor(shape: [1], [1.5] as [Float16]))
    #expect(try load(reference("strings")) == Tensor(shape: [3], ["a", "", "åß😀"]))
    #expect(try load(reference("stringsBigEndian")) == Tensor(shape: [2], ["ab", "c"]))
    #expect(try load(reference("byteStrings")) == Tensor(shape: [2], ["ab", "c"]))
  }

  @Test func whatATensorCannotHold() throws {
    #expect(error(try reference("objects"))?.contains("arrays of Python objects") == true)
    #expect(error(try reference("records"))?.contains("arrays of records") == true)
    #expect(error(try reference("dates"))?.contains("'<M8[D]'") == true)
    #expect(error(try reference("longDouble"))?.contains("'<f16'") == true)
  }

  @Test func writtenAsNumPyWrites() throws {
    for name in ["float32", "bool", "scalar", "empty", "complex64", "float16", "strings"] {
      let bytes = try reference(name)
      let path = folder.path("copy.npy")
      try load(bytes).writeNPY(to: path)
      #expect(try folder.bytes("copy.npy") == bytes, "\(name)")
    }
  }

  @Test func typesThatNumPyLacks() throws {
    func written(_ tensor: Tensor) throws -> Tensor {
      try tensor.writeNPY(to: folder.path("tensor.npy"))
      return try Tensor(npyContentsOf: folder.path("tensor.npy"))
    }
    #expect(
      try written(Tensor(shape: [2], [BFloat16(1.5), BFloat16(-2)]))
        == Tensor(shape: [2], [1.5, -2] as [Float]))
    #expect(try written(Tensor(Float4E2M1(bits: 7))) == Tensor(6 as Float))
    #expect(try written(Tensor(Float8E4M3FN(-1.5))) == Tensor(-1.5 as Float))
    #expect(try written(Tensor(Int4(rawValue: -8))) == Tensor(-8 as Int8))
    #expect(try written(Tensor(UInt2(rawValue: 3))) == Tensor(3 as UInt8))
  }

  @Test func badHeaders() {
    let good = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }"
    #expect(error(header(good, data: 8)) == nil)
    #expect(error(header(good, data: 7))?.contains("7 bytes of data do not fill") == true)
    #expect(error(header(good, data: 9))?.contains("9 bytes of data") == true)
    #expect(error([])?.contains("empty") == true)
    #expect(error(Array("not a NumPy file".utf8))?.contains("not a NumPy file") == true)
    #expect(error([0x93] + Array("NUMPY".utf8) + [9, 0, 0, 0])?.contains("version 9") == true)
    #expect(
      error([0x93] + Array("NUMPY".utf8) + [2, 0, 0xFF, 0xFF, 0xFF, 0xFF])?.contains("the limit is")
        == true)
    for text in [
      "", "{", "{}", "{'descr': '<f4'}", "{'descr': '<f4', 'descr': '<f4'}", "{'x': 1}",
      "{'descr': '<q4', 'fortran_order': False, 'shape': (2,), }",
      "{'descr': '<f4', 'fortran_order': Maybe, 'shape': (2,), }",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (-2,), }",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775807, 9), }",
      "{'descr': '<U9999999999', 'fortran_order': False, 'shape': (2,), }",
      "{'descr': '<U0', 'fortran_order': False, 'shape': (999999999999,), }",
      "{'descr': '<f4', 'fortran_order': True, 'shape': (999999999999,), }",
    ] {
      #expect(error(header(text)) != nil, "\(text)")
    }
    let many = String(repeating: "1,", count: 65)
    #expect(
      error(header("{'descr': '|b1', 'fortran_order': False, 'shape': (\(many)), }", data: 1))?
        .contains("more than 64 dimensions") == true)
  }

  @Test func cutAndChangedAnywhere() throws {
    for name in ["int16Fortran", "strings"] {
      var bytes = try reference(name)
      for index in stride(from: 0, to: bytes.count, by: 3) {
        #expect(error(Array(bytes[..<index])) != nil)
        let old = bytes[index]
        for value: UInt8 in [0, 0x27, 0x31, 0x80, 0xFF] {
          bytes[index] = value
          _ = error(bytes)
        }
        bytes[index] = old
      }
    }
  }

  @Test func archivesOfNumPy() throws {
    for name in ["plain.npz", "compressed.npz"] {
      let arrays = try NPZ.read(folder.write(reference(name), to: name))
      #expect(arrays.map(\.name) == ["first", "a/b", "zeros"])
      #expect(
        arrays.map(\.tensor) == [
          try load(reference("float32")), try load(reference("strings")),
          Tensor(shape: [1000], [Int32](repeating: 0, count: 1000)),
        ])
    }
  }

  @Test(arguments: [false, true])
  func archivesAreWritten(compressed: Bool) throws {
    let arrays: [(name: String, tensor: Tensor)] = [
      ("ä", Tensor(shape: [2], [1, 2] as [Int64])), ("empty", Tensor(shape: [0], [] as [Float])),
      ("long", Tensor(shape: [300, 300], (0..<90_000).map(Int32.init))),
    ]
    let path = folder.path("arrays.npz")
    try NPZ.write(arrays, to: path, compressed: compressed)
    let copy = try NPZ.read(path)
    #expect(copy.map(\.name) == arrays.map(\.name) && copy.map(\.tensor) == arrays.map(\.tensor))
    try NPZ.write([], to: path)
    #expect(try NPZ.read(path).isEmpty)
  }

  @Test(arguments: [0, 100]) func archivesWith64BitSizes(wideFrom: Int) throws {
    let tensor = Tensor(shape: [2], [1, 2] as [Int64])
    let path = folder.path("wide.npz")
    let file = try OutputFile(path)
    var zip = ZipWriter(file, wideFrom: wideFrom)
    try zip.addPlain("a.npy") { (write) throws(FormatError) in try tensor.writeNPY(write) }
    try zip.addCompressed("b.npy") { (write) throws(FormatError) in try tensor.writeNPY(write) }
    try zip.finish()
    try file.commit()
    let copy = try NPZ.read(path)
    #expect(copy.map(\.name) == ["a", "b"] && copy.map(\.tensor) == [tensor, tensor])
  }

  @Test func stringsOfManyArraysHaveOneLimit() throws {
    let names = Tensor(shape: [1000], [String](repeating: "", count: 1000))
    let path = folder.path("strings.npz")
    try NPZ.write((0..<3).map { ("\($0)", names) }, to: path)
    #expect(try NPZ.read(path).allSatisfy { $0.tensor == names })
    var options = ReadingOptions()
    options.limits.memory = 40_000
    #expect(throws: FormatError.self) { try NPZ.read(path, options: options) }
    try NPZ.write([("one", names)], to: path)
    #expect(try NPZ.read(path, options: options)[0].tensor == names)
  }

  private func archiveError(_ bytes: [UInt8], _ options: ReadingOptions = .init()) -> String? {
    do {
      _ = try NPZ.read(folder.write(bytes, to: "bad.npz"), options: options)
      return nil
    } catch { return "\(error)" }
  }

  @Test(arguments: ["plain.npz", "compressed.npz"])
  func archivesCutAndChangedAnywhere(name: String) throws {
    var bytes = try reference(name)
    // Not at every byte, since the array of zeros is long.
    for index in stride(from: 0, to: bytes.count, by: name == "plain.npz" ? 41 : 5) {
      #expect(archiveError(Array(bytes[..<index])) != nil)
      let old = bytes[index]
      for value: UInt8 in [0, 1, 0x80, 0xFF] {
        bytes[index] = value
        _ = archiveError(bytes)
      }
      bytes[index] = old
    }
  }

  @Test func badArchives() throws {
    let bytes = try reference("compressed.npz")
    #expect(archiveError(Array("no zip".utf8))?.contains("not a zip file") == true)
    var options = ReadingOptions()
    options.limits.inflatedSize = 1000
    #expect(archiveError(bytes, options)?.contains("bytes of memory") == true)
    // A wrong checksum in the directory of an array that is not compressed.
    var plain = try reference("plain.npz")
    let directory = try #require(
      plain.indices.first { plain[$0...].starts(with: [0x50, 0x4B, 1, 2]) })
    plain[directory + 16] ^= 1
    #expect(archiveError(plain)?.contains("checksum") == true)
    plain[directory + 8] |= 1
    #expect(archiveError(plain)?.contains("encrypted") == true)
    plain[directory + 8] = 0
    plain[directory + 10] = 12
    #expect(archiveError(plain)?.contains("method 12") == true)
  }

  @Test func wantOfMemoryIsAnError() {
    let error = FormatError(TensorError.outOfMemory(bytes: 5))
    #expect(error.description == "not enough memory: 5 bytes are needed")
  }
}
