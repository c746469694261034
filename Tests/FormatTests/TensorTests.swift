import ONNX
import Testing

@Suite struct TensorTests {
  @Test func elementsKeepTheirMemory() {
    weak var memory: TensorStorage?
    func elements() -> TensorElements<Float> {
      let tensor = Tensor(shape: [3], [1, 2, 3] as [Float])
      memory = tensor.storage
      return tensor.elements(as: Float.self)
    }
    let numbers = elements()
    #expect(memory != nil)
    #expect(numbers.elementsEqual([1, 2, 3]))
    #expect(Array(numbers.suffix(2)) == [2, 3])
    #expect(numbers.withUnsafeBufferPointer { $0.count } == 3)
  }
}
