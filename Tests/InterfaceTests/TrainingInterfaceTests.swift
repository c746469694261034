import COnnxInterface
import Glibc
import ONNX
import ONNXC
import TestFiles
import Testing

/// The functions of `onnxc.h` for training.
@Suite struct TrainingInterfaceTests {
  private static let line: Model = {
    var model = Model(
      graph: Graph(
        name: "line", nodes: [Node("Gemm", inputs: ["x", "w", "b"], outputs: ["y"])],
        inputs: [ValueInfo("x", .tensor(.float32, Shape([.symbol("N"), .size(2)])))],
        outputs: [ValueInfo("y", .tensor(.float32, Shape([.symbol("N"), .size(2)])))]),
      operatorSets: [OperatorSetImport(version: 20)])
    model.graph.initializers = [
      NamedTensor("w", Tensor(shape: [2, 2], [0.1, 0.2, 0.3, 0.4] as [Float])),
      NamedTensor("b", floats([0, 0])),
    ]
    return model
  }()

  private func trainer(_ options: String) throws -> OpaquePointer? {
    let bytes = try Self.line.serialized()
    return onnx_make_trainer(bytes, bytes.count, nil, options)
  }

  private func step(
    _ trainer: OpaquePointer?, x: [Float], labels: [Int64], rate: Double? = 0.5,
    labelName: String = "labels"
  ) throws -> (status: Int32, result: onnx_step) {
    let names = [strdup("x"), strdup(labelName)]
    let values: [OpaquePointer?] = [
      try value(.tensor(Tensor(shape: [x.count / 2, 2], x))),
      try value(.tensor(Tensor(shape: [labels.count], labels))),
    ]
    defer {
      for name in names { free(name) }
      for value in values { onnx_free_value(value) }
    }
    let pointers = names.map { UnsafePointer($0) }
    var result = onnx_step()
    let status =
      if let rate {
        onnx_train(trainer, pointers, values, 2, rate, &result)
      } else {
        onnx_evaluate(trainer, pointers, values, 2, &result)
      }
    return (status, result)
  }

  @Test func trainsPredictsAndContinuesFromACheckpoint() throws {
    let trainer = try trainer("optimizer=sgd momentum=0.9 threads=1")
    defer { onnx_free_trainer(trainer) }
    #expect(String(cString: onnx_describe_trainer(trainer)).contains(#""parameters":["w","b"]"#))
    let first = try step(trainer, x: [1, 0, 0, 1], labels: [0, 1])
    #expect(first.status == 0, "\(lastError)")
    #expect(abs(first.result.loss - 0.6931) < 0.06 && first.result.gradient_norm > 0)
    let folder = try TemporaryFolder()
    let path = folder.path + "/checkpoint.onnx"
    #expect(onnx_save_checkpoint(trainer, path) == 0, "\(lastError)")
    let second = try step(trainer, x: [1, 0, 0, 1], labels: [0, 1])
    #expect(second.result.loss < first.result.loss)
    #expect(onnx_load_checkpoint(trainer, path) == 0, "\(lastError)")
    #expect(try step(trainer, x: [1, 0, 0, 1], labels: [0, 1]).result.loss == second.result.loss)
    let score = try step(trainer, x: [1, 0, 0, 1], labels: [0, 1], rate: nil)
    #expect(score.result.loss < second.result.loss && score.result.accuracy >= 0)

    var size = 0
    let bytes = onnx_trained_model(trainer, &size)
    #expect(bytes != nil && size > 0)
    free(bytes)
    let session = try #require(onnx_trained_session(trainer), "\(lastError)")
    defer { onnx_free(session) }
    let x = try value(.tensor(Tensor(shape: [1, 2], [0, 0] as [Float])))
    #expect(run(session, [x], outputs: 1).tensors.first??.shape == [1, 2])
  }

  @Test func badOptionsAndBatchesAreErrors() throws {
    #expect(try trainer("optimizer=adm") == nil)
    #expect(lastError.contains("did you mean 'adam'?"))
    #expect(try trainer("momentum=0.9") == nil)
    #expect(lastError.contains("there is no option 'momentum' here"))
    #expect(try trainer("frozen=nothing*") == nil)
    #expect(lastError.contains("no initializer matches 'nothing*'"))
    #expect(onnx_make_trainer(nil, 0, nil, nil) == nil)
    let trainer = try trainer("optimizer=adamw weight_decay=0.1 clip_norm=1 accumulation=2")
    defer { onnx_free_trainer(trainer) }
    #expect(try step(trainer, x: [1, 2], labels: [2]).status == -1)
    #expect(lastError.contains("label 2 is out of range"))
    #expect(try step(trainer, x: [1, 2], labels: [1], labelName: "label").status == -1)
    #expect(lastError == "the model has no 'label'; did you mean 'labels'?")
    #expect(try step(trainer, x: [1, 2], labels: [1], rate: .nan).status == -1)
    #expect(try step(trainer, x: [1, 2], labels: [1, 0]).status == -1)
    #expect(try step(nil, x: [1, 2], labels: [1]).status == -1)
    var size = 0
    #expect(onnx_trained_model(nil, &size) == nil && onnx_trained_session(nil) == nil)
    #expect(onnx_save_checkpoint(trainer, "/no/such/folder/x") == -1)
    #expect(onnx_load_checkpoint(trainer, "/no/such") == -1)
    #expect(onnx_load_checkpoint(trainer, nil) == -1)
    #expect(onnx_describe_trainer(nil) == nil)
  }

  @Test(arguments: ["sgd", "adam", "adamw", "rmsprop", "adagrad", "adadelta"])
  func everyOptimizerLowersTheLoss(name: String) throws {
    let trainer = try trainer("optimizer=\(name)")
    defer { onnx_free_trainer(trainer) }
    let first = try step(trainer, x: [1, 0, 0, 1], labels: [0, 1]).result.loss
    #expect(try step(trainer, x: [1, 0, 0, 1], labels: [0, 1]).result.loss < first)
  }
}
