import Foundation
import ONNX
import Testing

@Suite struct IDXTests {
  let folder: TemporaryFolder
  init() throws { folder = try TemporaryFolder() }

  private func writePart(_ part: String, labels: [UInt8]) throws {
    let pixels = (0..<labels.count * 6).map { UInt8($0 * 5 % 256) }
    try folder.write(idx(8, [labels.count, 2, 3], pixels), to: "\(part)-images-idx3-ubyte")
    try folder.write(idx(8, [labels.count], labels), to: "\(part)-labels-idx1-ubyte")
  }

  @Test func readsPicturesAndLabels() throws {
    try writePart("train", labels: [1, 0, 2])
    try writePart("t10k", labels: [2, 1])
    let plain = try IDXFolder(folder.path, classCount: 3)
    #expect(plain.train.count == 3 && plain.test.count == 2)
    let batch = try plain.train.batch(of: [1, 0])
    #expect(batch.tensors["image"]?.shape == [2, 1, 2, 3])
    #expect(try batch.floats("image")[..<3] == [30 / 255, 35 / 255, 40 / 255])
    #expect(try batch.integers("label") == [0, 1])

    for name in ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte"] {
      try folder.gzip(name)
    }
    let compressed = try IDXFolder(folder.path, classCount: 3)
    #expect(
      try compressed.train.batch(of: [0, 1, 2]).tensors
        == plain.train.batch(of: [0, 1, 2]).tensors)
  }

  @Test func readsEveryElementType() throws {
    let short = try folder.write(idx(0x0B, [2], [0x01, 0x02, 0xFF, 0xFE]), to: "short")
    #expect(try IDX.read(short) == Tensor(shape: [2], [258, -2] as [Int16]))
    let float = try folder.write(idx(0x0D, [1, 1], [0x3F, 0xC0, 0, 0]), to: "float")
    #expect(try IDX.read(float) == Tensor(shape: [1, 1], [1.5] as [Float]))
  }

  @Test func refusesDamagedFiles() throws {
    let cut = try folder.write(idx(8, [4], [1, 2, 3]), to: "cut")
    expectDataError(cut, "expected 4 bytes", "found 3") { try IDX.read(cut) }
    let long = try folder.write(idx(8, [2], [1, 2, 3]), to: "long")
    expectDataError(long, "found more") { try IDX.read(long) }
    let text = try folder.write("label,pixel", to: "text")
    expectDataError(text, "expected an IDX file") { try IDX.read(text) }
    let empty = try folder.write([], to: "empty")
    expectDataError(empty, "expected an IDX file") { try IDX.read(empty) }
    let header = try folder.write([0, 0, 8, 3, 0, 0], to: "header")
    expectDataError(header, "within its header") { try IDX.read(header) }
    let rank = try folder.write([0, 0, 8, 200], to: "rank")
    expectDataError(rank, "1 to 8 dimensions, found 200") { try IDX.read(rank) }
    let huge = try folder.write(idx(14, [0xFFFF_FFFF, 0xFFFF_FFFF, 0xFFFF_FFFF], []), to: "huge")
    expectDataError(huge, "more than") { try IDX.read(huge) }
    // Within the limit, but more than the file has.
    let liar = try folder.write(idx(8, [0x7FFF_FFFF], [1]), to: "liar")
    expectDataError(liar, "found 1") { try IDX.read(liar) }
    expectDataError("No such file") { try IDX.read(folder.path("none")) }
    expectDataError("found a folder") { try IDX.read(folder.path) }
  }

  @Test func refusesDamagedGzip() throws {
    try folder.write(idx(8, [5000], (0..<5000).map { UInt8($0 * $0 % 251) }), to: "good")
    try folder.gzip("good")
    let good = try Array(Data(contentsOf: URL(fileURLWithPath: folder.path("good.gz"))))
    let cut = try folder.write(Array(good.dropLast(20)), to: "cut.gz")
    expectDataError(cut, "gzip data ends early") { try IDX.read(cut) }
    var flipped = good
    flipped[good.count / 2] ^= 0xFF
    let damaged = try folder.write(flipped, to: "damaged.gz")
    expectDataError(damaged) { try IDX.read(damaged) }
    var wrongSum = good
    wrongSum[good.count - 6] ^= 1
    let sum = try folder.write(wrongSum, to: "sum.gz")
    expectDataError(sum, "gzip data is damaged") { try IDX.read(sum) }
  }

  @Test func doesNotUnpackABomb() throws {
    try folder.write(idx(8, [10], [UInt8](repeating: 0, count: 1 << 24)), to: "bomb")
    try folder.gzip("bomb")
    expectDataError("expected 10 bytes", "found more") { try IDX.read(folder.path("bomb.gz")) }
  }

  @Test func refusesWhatDoesNotFit() throws {
    try writePart("t10k", labels: [0, 1])
    expectDataError(folder.path, "train-images-idx3-ubyte") { try IDXFolder(folder.path) }
    try writePart("train", labels: [0, 1, 2])
    expectDataError("labels from 0 to 1, found 2 at 2") {
      try IDXFolder(folder.path, classCount: 2)
    }
    expectDataError("none of class 3") { try IDXFolder(folder.path, classCount: 4) }
    try folder.write(idx(8, [4], [0, 1, 2, 0]), to: "train-labels-idx1-ubyte")
    expectDataError("a label for each of 3 pictures", "[4]") {
      try IDXFolder(folder.path, classCount: 3)
    }
    expectDataError("four files") { try IDXFolder(folder.path("none")) }
  }

  @Test(.enabled(if: sharedData != nil, "the shared data is not here"))
  func readsMNIST() throws {
    let mnist = try IDXFolder("\(#require(sharedData))/mnist")
    #expect(mnist.train.count == 60000 && mnist.test.count == 10000)
    let batch = try mnist.test.batch(of: [0, 1, 2])
    // The test set begins 7, 2, 1.
    #expect(try batch.integers("label") == [7, 2, 1])
    let pixels = try batch.floats("image")
    #expect(pixels.min() == 0 && pixels.max() == 1)
    #expect(batch.tensors["image"]?.shape == [3, 1, 28, 28])
  }
}

@Suite struct CSVTests {
  @Test func findsHeaderAndClasses() throws {
    let table = try CSVTable("a,b,kind\n1,2,cat\n3,4.5,dog\n-1,1e2,cat\n")
    #expect(table.header == ["a", "b", "kind"])
    #expect(table.features == Tensor(shape: [3, 2], [1, 2, 3, 4.5, -1, 100] as [Float]))
    #expect(table.classNames == ["cat", "dog"])
    #expect(table.labels == Tensor(shape: [3], [0, 1, 0] as [Int64]))
  }

  @Test func takesNumbersAsClassesInTheirOrder() throws {
    let table = try CSVTable("1;10\r\n2;9\r\n\r\n3;10")
    #expect(table.header == [])
    #expect(table.classNames == ["9", "10"])
    #expect(table.labels == Tensor(shape: [3], [1, 0, 1] as [Int64]))
    let values = try CSVTable("x\ty\n1\t0.5\n", labels: .value)
    #expect(values.labels == Tensor(shape: [1, 1], [0.5] as [Float]))
  }

  @Test func readsQuotedCells() throws {
    let table = try CSVTable("\"x, y\",k\n1,\"a \"\"b\"\"\"\n2,c\n")
    #expect(table.header == ["x, y", "k"])
    #expect(table.classNames == ["a \"b\"", "c"])
  }

  @Test func keepsClassesThatAreKnown() throws {
    let table = try CSVTable("1,dog\n", classNames: ["cat", "dog"])
    #expect(table.labels == Tensor(shape: [1], [1] as [Int64]))
    expectDataError("one of 2 classes", "'cow'") {
      try CSVTable("1,cow\n", classNames: ["cat", "dog"])
    }
  }

  @Test func namesTheLineThatIsWrong() throws {
    expectDataError("line 3", "expected 3 cells, found 2") { try CSVTable("a,b,c\n1,2,x\n1,y\n") }
    expectDataError("line 2, column 2", "'two'") { try CSVTable("1,2,x\n1,two,y\n") }
    expectDataError("line 2, column 1", "'nan'") { try CSVTable("1,2,x\nnan,2,y\n") }
    expectDataError("line 2", "expected a label") { try CSVTable("1,x\n2,\n") }
    expectDataError("no line") { try CSVTable("\n\n") }
    expectDataError("a header only") { try CSVTable("a,b\n") }
    expectDataError("1 column") { try CSVTable("1\n2\n") }
    expectDataError("at least 2 classes", "'x'") { try CSVTable("1,x\n2,x\n") }
    expectDataError("expected a closing quote") { try CSVTable("1,\"x\n2,y") }
    let folder = try TemporaryFolder()
    let path = try folder.write("1,2\n1\n", to: "table.csv")
    expectDataError(path, "line 2") { try CSVTable(contentsOf: path) }
    expectDataError(path, "at most 3 bytes") { try CSVTable(contentsOf: path, limit: 3) }
  }
}

@Suite struct ArrayFileTests {
  let x = Tensor(shape: [3, 2], [1, 2, 3, 4, 5, 6] as [Double])
  let y = Tensor(shape: [3], [0, 2, 1] as [Int32])

  @Test func readsArchivesAndFolders() throws {
    let folder = try TemporaryFolder()
    try NPZ.write([("x", x), ("y", y)], to: folder.path("data.npz"), compressed: true)
    try x.writeNPY(to: folder.path("x.npy"))
    try y.writeNPY(to: folder.path("y.npy"))
    for path in [folder.path("data.npz"), folder.path] {
      let batch = try ArrayFiles.read(path, classCount: 3).batch(of: [2, 0])
      #expect(try batch.floats("features") == [5, 6, 1, 2])
      #expect(try batch.integers("labels") == [1, 0])
    }
    expectDataError("0 to 1, found 2 at 1") { try ArrayFiles.read(folder.path, classCount: 2) }
    expectDataError("test_x.npy") { try ArrayFiles.read(folder.path, part: "test_") }
  }

  @Test func refusesWhatDoesNotFit() throws {
    let folder = try TemporaryFolder()
    let path = folder.path("data.npz")
    try NPZ.write([("x", x), ("z", y)], to: path)
    expectDataError(path, "'x' and 'y', found 'x', 'z'") { try ArrayFiles.read(path) }
    try NPZ.write([("x", x), ("y", Tensor(shape: [2], [0, 1] as [Int64]))], to: path)
    expectDataError(path, "as many labels") { try ArrayFiles.read(path) }
    try NPZ.write([("x", Tensor(shape: [2], ["a", "b"])), ("y", y)], to: path)
    expectDataError(path) { try ArrayFiles.read(path) }
    try folder.write("no archive", to: "text.npz")
    expectDataError("text.npz") { try ArrayFiles.read(folder.path("text.npz")) }
  }
}

@Suite struct ImageFolderTests {
  let folder: TemporaryFolder
  init() throws {
    folder = try TemporaryFolder()
    for name in ["dog/2.PNG", "cat/b.jpg", "cat/a.png", "cat/notes.txt"] {
      try folder.write(name, to: name)
    }
  }

  /// A picture whose only pixel is the length of its file name.
  @Sendable static func decode(_ path: String) -> Tensor {
    Tensor(shape: [1, 1, 1, 1], [Float(path.split(separator: "/").last?.count ?? 0)])
  }

  @Test func readsClassFolders() throws {
    let images = try ImageFolder(folder.path, decode: Self.decode)
    #expect(images.classNames == ["cat", "dog"])
    #expect(images.files.map(\.label) == [0, 0, 1])
    #expect(images.files[0].path.hasSuffix("cat/a.png"))
    let batch = try images.batch(of: [2, 0])
    #expect(batch.tensors["image"]?.shape == [2, 1, 1, 1])
    #expect(try batch.integers("label") == [1, 0])
  }

  @Test func refusesEmptyFoldersAndOddPictures() throws {
    struct Broken: Error {}
    let broken = try ImageFolder(folder.path) { _ in throw Broken() }
    expectDataError("cat/a.png: Broken") { try broken.batch(of: [0]) }
    let odd = try ImageFolder(folder.path) { path in
      let rows = path.hasSuffix("b.jpg") ? 2 : 1
      return Tensor(shape: [1, rows, 1], [Float](repeating: 0, count: rows))
    }
    expectDataError("cat/b.jpg", "float32[1,1,1]", "float32[1,2,1]") { try odd.batch(of: [0, 1]) }
    expectDataError("'dog'") {
      try ImageFolder(folder.path, classNames: ["cat"], decode: Self.decode)
    }
    try folder.makeFolder("empty")
    expectDataError("empty: expected pictures") {
      try ImageFolder(folder.path, decode: Self.decode)
    }
    expectDataError("a subfolder for each class") {
      try ImageFolder(folder.path("cat"), decode: Self.decode)
    }
  }
}

@Suite struct BatchTests {
  let data: TensorDataset
  init() throws {
    data = try TensorDataset(["x": Tensor(shape: [10, 1], (0..<10).map { Int64($0) })])
  }

  private func epoch(_ source: some BatchSource, _ epoch: Int) throws -> [[Int64]] {
    try (0..<source.batchCount).map { try source.batch(epoch: epoch, index: $0).integers("x") }
  }

  @Test func shufflesByEpochAndSeed() throws {
    let batches = data.batches(size: 4, seed: 1)
    let first = try epoch(batches, 0)
    #expect(first.map(\.count) == [4, 4, 2])
    #expect(first.flatMap { $0 }.sorted() == Array(0..<10))
    #expect(try epoch(batches, 1) != first)
    #expect(try epoch(data.batches(size: 4, seed: 2), 0) != first)
    // A batch depends on its position only.
    let again = data.batches(size: 4, seed: 1)
    #expect(try again.batch(epoch: 0, index: 2).integers("x") == first[2])
    #expect(try batches.batch(epoch: 0, index: 1).integers("x") == first[1])
  }

  @Test func keepsOrderWithoutASeedAndDropsTheRest() throws {
    #expect(try epoch(data.batches(size: 4, seed: nil), 3).first == [0, 1, 2, 3])
    #expect(data.batches(size: 4, seed: 1, dropsRest: true).batchCount == 2)
    #expect(data.batches(size: 5, seed: 1).batchCount == 2)
  }

  @Test func splitsAndFolds() throws {
    let (train, test) = data.split(share: 0.3, seed: 1)
    #expect(train.count == 7 && test.count == 3)
    #expect(Set(train.examples + test.examples) == Set(0..<10))
    let folds = try data.folds(3, seed: 1)
    #expect(folds.map(\.test.count) == [4, 3, 3])
    #expect(folds.flatMap(\.test.examples).sorted() == Array(0..<10))
    for fold in folds { #expect(Set(fold.train.examples).isDisjoint(with: fold.test.examples)) }
    #expect(try folds[1].test.batch(of: [0]).integers("x") == [Int64(folds[1].test.examples[0])])
    expectDataError("2 to 10 folds") { try data.folds(11, seed: 1) }
  }

  @Test func renames() throws {
    let renamed = data.batches(size: 2, seed: nil).renamed(["x": "input"])
    #expect(try renamed.batch(epoch: 0, index: 0).integers("input") == [0, 1])
    expectDataError("no 'z', only x") {
      try data.batches(size: 2, seed: nil).renamed(["z": "y"]).batch(epoch: 0, index: 0)
    }
  }

  @Test func refusesColumnsThatDoNotFit() throws {
    let two = Tensor(shape: [2], [0, 1] as [Int64])
    let three = Tensor(shape: [3], [0, 1, 2] as [Int64])
    expectDataError("'b' to have 2 examples") { try TensorDataset(["a": two, "b": three]) }
    expectDataError("none") { try TensorDataset([:]) }
    expectDataError("uint8") { try TensorDataset([.init("a", two, divisor: 2)]) }
    expectDataError("two columns") { try TensorDataset([.init("a", two), .init("a", two)]) }
  }
}
