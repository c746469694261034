import ONNX

/// Where the elements of a dataset are.
enum HDF5Layout: Sendable {
  /// In the header.
  case compact([UInt8])
  /// In one piece of the file; without an address, nothing was written.
  case contiguous(Int?, size: Int)
  /// In chunks of one shape.
  case chunked(HDF5Grid)

  init(_ message: HDF5Cursor, shape: [Int], elementSize: Int) throws(FormatError) {
    var cursor = message
    let version = try cursor.int(1)
    switch version {
    case 1, 2:
      let rank = try cursor.int(1)
      let kind = try cursor.int(1)
      try cursor.skip(5)
      let address = kind == 0 ? nil : try cursor.address()
      var sizes: [Int] = []
      for _ in 0..<rank { sizes.append(try cursor.int(4)) }
      switch kind {
      case 0: self = .compact(Array(try cursor.take(try cursor.int(4))))
      case 1: self = .contiguous(address, size: 1 << 55)
      case 2:
        self = .chunked(
          try HDF5Grid(shape, chunk: sizes, elementSize: elementSize, .tree, at: address))
      default: throw FormatError(.invalid("a layout of class \(kind)"))
      }
    case 3...5:
      switch try cursor.int(1) {
      case 0: self = .compact(Array(try cursor.take(try cursor.int(2))))
      case 1: self = .contiguous(try cursor.address(), size: try cursor.length())
      case 2 where version == 3:
        let rank = try cursor.int(1)
        let address = try cursor.address()
        var sizes: [Int] = []
        for _ in 0..<rank { sizes.append(try cursor.int(4)) }
        self = .chunked(
          try HDF5Grid(shape, chunk: sizes, elementSize: elementSize, .tree, at: address))
      case 2:
        let flags = try cursor.int(1)
        let rank = try cursor.int(1)
        let width = try cursor.int(1)
        var sizes: [Int] = []
        for _ in 0..<rank { sizes.append(try cursor.int(width)) }
        let index: HDF5Grid.Index
        switch try cursor.int(1) {
        case 1:
          guard flags & 2 != 0 else {
            index = .single(nil, mask: 0)
            break
          }
          index = .single(try cursor.length(), mask: try cursor.int(4))
        case 2: index = .implicit
        case 3: index = .fixedArray(pageBits: try cursor.int(1))
        case 4:
          throw FormatError(
            .unsupported(
              "HDF5 datasets that grow in one dimension (extensible arrays); rewrite the file with "
                + "h5repack -l CONTI"))
        case 5:
          try cursor.skip(6)
          index = .tree2
        default: throw FormatError(.invalid("an index of unknown type"))
        }
        self = .chunked(
          try HDF5Grid(
            shape, chunk: sizes, elementSize: elementSize, index, at: try cursor.address()))
      case 3: throw FormatError(.unsupported("virtual HDF5 datasets"))
      case let kind: throw FormatError(.invalid("a layout of class \(kind)"))
      }
    default: throw FormatError(.unsupported("version \(version) of HDF5's layouts"))
    }
  }
}
