import ONNX

/// NumPy's `.npz`: a zip archive with one `.npy` for each array.
enum NPZFile: WritableCheckpointFormat {
  static let name = ".npz"
  static let fileExtension = "npz"

  static func matches(_ file: CheckpointFile) throws(FormatError) -> Bool {
    try file.isZipArchive()
  }

  static func read(_ file: CheckpointFile) throws(FormatError) -> Weights {
    let archive = try NPZArchive(file.path, limits: file.limits)
    return Weights(
      archive.arrays.map { array in
        Weights.Entry(array.name, array.elementType, array.shape) { () throws(FormatError) in
          try archive.tensor(array)
        }
      })
  }

  static func write(_ weights: Weights, to path: String) throws(FormatError) {
    let entries = weights.entries
    try NPZ.write(entries.map(\.name), to: path) { (index) throws(FormatError) in
      try entries[index].tensor()
    }
  }
}

/// NumPy's `.npy`: one array, which is called `arr_0`.
enum NPYFile: CheckpointFormat {
  static let name = ".npy"

  static func matches(_ file: CheckpointFile) throws(FormatError) -> Bool {
    try file.prefix(6) == [0x93] + Array("NUMPY".utf8)
  }

  static func read(_ file: CheckpointFile) throws(FormatError) -> Weights {
    Weights([Weights.Entry("arr_0", try Tensor(npyContentsOf: file.path))])
  }
}

extension CheckpointFile {
  /// Whether the file begins as a zip archive does, with or without entries.
  func isZipArchive() throws(FormatError) -> Bool {
    let head = try prefix(4)
    return head == [0x50, 0x4B, 3, 4] || head == [0x50, 0x4B, 5, 6]
  }
}
