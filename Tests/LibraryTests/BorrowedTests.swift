import ONNX
import Synchronization
import Testing

/// Tensors over memory of another owner.
@Suite struct BorrowedTests {
  /// Memory of `count` floats 0, 1, 2, … that begins `offset` bytes after the start of a page.
  private func memory(count: Int, offset: Int) -> (
    whole: UnsafeMutableRawPointer, UnsafeRawBufferPointer
  ) {
    let whole = UnsafeMutableRawPointer.allocate(byteCount: 1 << 15, alignment: 4096)
    let start = whole + offset
    for index in 0..<count {
      start.storeBytes(of: Float(index), toByteOffset: 4 * index, as: Float.self)
    }
    return (whole, UnsafeRawBufferPointer(start: start, count: 4 * count))
  }

  @Test func memoryIsUsedAndReturned() throws {
    let (whole, bytes) = memory(count: 12, offset: 4)
    let returned = Counter()
    try {
      let tensor = try Tensor(bytesNoCopy: bytes, .float32, shape: [3, 4]) { _ in returned.add() }
      #expect(tensor.withUnsafeBytes { $0.baseAddress } == bytes.baseAddress)
      let view = try tensor.reshaped(to: [12])
      #expect(view == Tensor((0..<12).map { Float($0) }))
      #expect(try Session(Models.linear).run(tensor[.all, ..<3]).shape == [3, 2])
      let model = Models.products(1)
      let square = try Tensor(bytesNoCopy: bytes, .float32, shape: [3, 3]) { _ in returned.add() }
      #expect(try Session(model).run(square) == [[15.0, 18, 21], [42, 54, 66], [69, 90, 111]])
      #expect(returned.count == 0)
    }()
    #expect(returned.count == 2)
    whole.deallocate()
  }

  @Test func elementsAtTheEndOfAPageAreCopied() throws {
    // Kernels read whole vectors, and the next page may belong to nobody.
    for (count, offset) in [(1024, 0), (1, 1), (0, 0)] {
      let (whole, bytes) = memory(count: count, offset: offset)
      let returned = Counter()
      let tensor = try Tensor(bytesNoCopy: bytes, .float32, shape: [count]) { _ in returned.add() }
      #expect(returned.count == 1)
      whole.deallocate()
      #expect(tensor == Tensor((0..<count).map { Float($0) }))
    }
    let (whole, bytes) = memory(count: 1024 + 16, offset: 0)
    let returned = Counter()
    var tensor: Tensor? = try Tensor(bytesNoCopy: bytes, .float32, shape: [1024]) { _ in
      returned.add()
    }
    #expect(returned.count == 0 && tensor?.count == 1024)
    tensor = nil
    #expect(returned.count == 1)
    whole.deallocate()
  }

  @Test func theSessionNeverWritesToIt() throws {
    let (whole, bytes) = memory(count: 2, offset: 0)
    // A state is replaced in the memory of the one before, where that belongs to the session.
    let state = CarriedState()
    state["left"] = try Tensor(bytesNoCopy: bytes, .float32, shape: [2]) { _ in }
    let session = try Session(Models.sumAndDifference)
    for _ in 0..<3 {
      _ = try session.run(
        ["right": [1.0, 1]], state: state, carried: ["left": "total"], seed: 0)
    }
    #expect(state["left"] == [3.0, 4])
    #expect(bytes.load(fromByteOffset: 4, as: Float.self) == 1)
    whole.deallocate()
  }

  @Test func memoryThatDoesNotFitIsRefused() {
    let (whole, bytes) = memory(count: 3, offset: 0)
    defer { whole.deallocate() }
    let never: @Sendable (UnsafeRawBufferPointer) -> Void = { _ in Issue.record("not taken") }
    #expect(throws: TensorError.count(3, shape: [4])) {
      try Tensor(bytesNoCopy: bytes, .float32, shape: [4], deallocator: never)
    }
    #expect(throws: TensorError.shape([-1])) {
      try Tensor(bytesNoCopy: bytes, .float32, shape: [-1], deallocator: never)
    }
    #expect(throws: TensorError.elementType(is: .string, wanted: .uint8)) {
      try Tensor(bytesNoCopy: bytes, .string, shape: [0], deallocator: never)
    }
  }
}

private final class Counter: Sendable {
  private let value = Atomic<Int>(0)
  var count: Int { value.load(ordering: .relaxed) }
  func add() { value.wrappingAdd(1, ordering: .relaxed) }
}
