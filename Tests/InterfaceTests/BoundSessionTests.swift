import COnnxInterface
import ONNX
import ONNXC
import Testing

/// `onnx_bind` and what runs in fixed memory.
@Suite struct BoundInterfaceTests {
  /// Memory of two elements.
  private final class Pair<T: Element> {
    let memory = UnsafeMutableBufferPointer<T>.allocate(capacity: 2)
    init(_ values: [T]) { _ = memory.initialize(from: values) }
    deinit { memory.deallocate() }
    var values: [T] {
      get { Array(memory) }
      set { _ = memory.update(from: newValue) }
    }
    var tensor: onnx_tensor {
      onnx_tensor(
        element_type: T.elementType.rawValue, rank: 1, shape: sizes(2), data: memory.baseAddress)
    }
  }

  private func pair<T>(_ tensor: onnx_tensor, as type: T.Type) -> [T] {
    Array(UnsafeBufferPointer(start: tensor.data.assumingMemoryBound(to: T.self), count: 2))
  }

  @Test func runsReadAndWriteTheCallersMemory() throws {
    let session = try load(twoOutputs)
    let x = Pair<Float>([0, 0])
    let y = Pair<Float>([0, 0])
    var outputs = [y.tensor, onnx_tensor()]
    let bound = try #require(onnx_bind(session, [x.tensor], 1, &outputs, 2), "\(lastError)")
    // The session may go before what is bound to it.
    onnx_free(session)
    #expect(outputs[1].rank == 1 && outputs[1].shape[0] == 2 && outputs[1].element_type == 1)
    for value in [Float(3), -4] {
      x.values = [value, 1]
      #expect(onnx_run_bound(bound) == 0)
      #expect(y.values == [max(value, 0), 1])
      #expect(pair(outputs[1], as: Float.self) == [-value, -1])
    }
    onnx_unbind(bound)
    #expect(onnx_run_bound(nil) == -1)
  }

  /// An output that is an input, a constant and integers, which are copied before each run.
  @Test func viewsConstantsAndIntegersAreCopied() throws {
    var model = identity(.tensor(.int64, [2]))
    model.graph.nodes.append(
      Node("Constant", inputs: [], outputs: ["c"], attributes: [.tensor("value", floats([5, 6]))]))
    model.graph.nodes.append(Node("Gather", inputs: ["w", "x"], outputs: ["g"]))
    model.graph.initializers.append(NamedTensor("w", floats([1, 2, 3])))
    model.graph.outputs += [ValueInfo("c", nil), ValueInfo("g", nil)]
    let session = try load(model)
    defer { onnx_free(session) }
    let x = Pair<Int64>([0, 0])
    var outputs = [onnx_tensor](repeating: onnx_tensor(), count: 3)
    let bound = try #require(onnx_bind(session, [x.tensor], 1, &outputs, 3), "\(lastError)")
    defer { onnx_unbind(bound) }
    x.values = [2, 1]
    #expect(onnx_run_bound(bound) == 0, "\(lastError)")
    #expect(outputs[0].data != UnsafeMutableRawPointer(x.memory.baseAddress))
    #expect(pair(outputs[0], as: Int64.self) == [2, 1])
    #expect(pair(outputs[1], as: Float.self) == [5, 6])
    #expect(pair(outputs[2], as: Float.self) == [3, 2])
    x.values = [9, 9]
    #expect(onnx_run_bound(bound) == -1)
    #expect(onnx_last_error_kind() == Int32(ONNX_FAILED))
  }

  @Test func badBuffersAreErrors() throws {
    let session = try load(twoOutputs)
    defer { onnx_free(session) }
    let x = Pair<Float>([0, 0])
    var wrong = x.tensor
    wrong.shape = sizes(3)
    var outputs = [wrong]
    #expect(onnx_bind(session, [x.tensor], 1, &outputs, 1) == nil)
    #expect(lastError == "output 'y': expected a buffer of float32[2], got float32[3]")
    outputs = [onnx_tensor](repeating: onnx_tensor(), count: 3)
    #expect(onnx_bind(session, [x.tensor], 1, &outputs, 3) == nil)
    #expect(lastError == "the model has 2 outputs, the call 3")
    #expect(onnx_bind(session, nil, 0, &outputs, 1) == nil)
    #expect(lastError.contains("input 'x' is missing"))
    #expect(onnx_bind(nil, nil, 0, &outputs, 1) == nil)
    #expect(onnx_bind(session, [x.tensor], 1, nil, 1) == nil)
  }

  @Test func outputsWithoutAFixedSizeCannotBeBound() throws {
    let session = try load(
      model(
        [Node("NonZero", inputs: ["x"], outputs: ["y"])], input: .tensor(.float32, [2]),
        outputs: ["y"]))
    defer { onnx_free(session) }
    let x = Pair<Float>([0, 1])
    var outputs = [onnx_tensor()]
    #expect(onnx_bind(session, [x.tensor], 1, &outputs, 1) == nil)
    #expect(lastError.contains("output 'y' has no fixed size"))
    outputs[0].rank = -1
    let bound = onnx_bind(session, [x.tensor], 1, &outputs, 1)
    #expect(onnx_run_bound(bound) == 0)
    onnx_unbind(bound)
  }
}
