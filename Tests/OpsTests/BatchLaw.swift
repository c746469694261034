import Glibc
import ONNX
import Testing

/// A node whose samples lie along an axis of some inputs and outputs, and inputs of one size each for
/// every sample.
struct BatchCase: Sendable, CustomTestStringConvertible {
  var title: String
  let node: Node
  /// Shapes of the inputs with a batch of `count`; an empty name in `node.inputs` has an empty shape.
  let shapes: [[Int]]
  /// The samples' axis of each input; `nil` for what all samples share.
  let axes: [Int?]
  /// The samples' axis of every output.
  var outputAxis = 0
  /// The axis of the first input that may have any size.
  var stepAxis: Int?
  var type = ElementType.float32
  /// Whether what samples share is known before the run.
  var isConstant = true
  var convolution = ConvolutionAlgorithm.automatic
  var precision = ComputePrecision.float32
  /// Contents of inputs that are no noise, by their places.
  var contents: [Int: Tensor] = [:]
  /// What numbers are multiplied by.
  var scale: Float = 1

  var testDescription: String { title }

  /// Samples of the largest batch: more than two tiles of eight rows.
  static let count = 19
  /// Batches that are cut from it.
  static let parts = [0..<1, 18..<19, 0..<2, 3..<6, 4..<8, 5..<10, 1..<7, 2..<9, 8..<16, 0..<13]

  /// - Parameters:
  ///   - samples: shape of the first input without its batch
  ///   - shared: shapes of the inputs behind it
  init(
    _ title: String, _ operatorType: String, _ samples: [Int], _ shared: [[Int]] = [],
    axis: Int = 0, _ attributes: [Attribute] = []
  ) {
    var x = samples
    x.insert(Self.count, at: axis)
    self.init(
      title, operatorType, shapes: [x] + shared, axes: [axis] + shared.map { _ in nil },
      attributes)
    outputAxis = axis
  }

  /// - Parameters:
  ///   - shapes: of all inputs, with the whole batch; an empty one leaves the input out
  ///   - axes: of the samples, where an input has them
  init(
    _ title: String, _ operatorType: String, shapes: [[Int]], axes: [Int?],
    _ attributes: [Attribute] = []
  ) {
    self.title = title
    self.shapes = shapes
    self.axes = axes
    node = Node(
      operatorType, inputs: shapes.indices.map { shapes[$0].isEmpty ? "" : "x\($0)" },
      outputs: ["y0"], attributes: attributes)
  }

  /// A case whose inputs all have samples along the first axis.
  static func ofSamples(
    _ title: String, _ operatorType: String, _ samples: [[Int]], _ attributes: [Attribute] = []
  ) -> BatchCase {
    BatchCase(
      title, operatorType, shapes: samples.map { [count] + $0 }, axes: samples.map { _ in 0 },
      attributes)
  }

  func with(_ change: (inout BatchCase) -> Void) -> BatchCase {
    var copy = self
    change(&copy)
    return copy
  }

  /// All inputs by name, with the whole batch.
  func inputs() -> [String: Tensor] {
    var result: [String: Tensor] = [:]
    for (index, shape) in shapes.enumerated() where !shape.isEmpty {
      let values = noise(shape.reduce(1, *), seed: UInt64(index + 1)).map { $0 * scale }
      result["x\(index)"] =
        contents[index].map { $0.elementType == .float32 ? $0.converted(to: type) : $0 }
        ?? Tensor(shape: shape, values).converted(to: type)
    }
    return result
  }

  func session(
    _ inputs: [String: Tensor], isBatchInvariant: Bool = true, threads: Int = 1
  ) throws -> Session {
    var given: [ValueInfo] = []
    var initializers: [NamedTensor] = []
    for (index, axis) in axes.enumerated() {
      guard let tensor = inputs["x\(index)"] else { continue }
      if axis == nil && isConstant {
        initializers.append(NamedTensor("x\(index)", tensor))
      } else {
        var shape = Shape(tensor.shape)
        if let axis { shape[axis] = .symbol("N") }
        if index == 0, let stepAxis { shape[stepAxis] = .symbol("T") }
        given.append(ValueInfo("x\(index)", .tensor(tensor.elementType, shape)))
      }
    }
    var options = SessionOptions()
    options.threads = threads
    options.convolution = convolution
    options.precision = precision
    options.isBatchInvariant = isBatchInvariant
    return try Session(
      Model(
        graph: Graph(
          name: "law", nodes: [node], inputs: given,
          outputs: node.outputs.map { ValueInfo($0, nil) }, initializers: initializers),
        operatorSets: [
          OperatorSetImport(version: 24), OperatorSetImport(domain: "ai.onnx.ml", version: 3),
        ]),
      options: options)
  }

  /// What a session is given for some samples.
  func given(_ inputs: [String: Tensor], _ samples: Range<Int>) throws -> [String: Tensor] {
    var result: [String: Tensor] = [:]
    for (index, axis) in axes.enumerated() {
      guard let tensor = inputs["x\(index)"] else { continue }
      if let axis {
        result["x\(index)"] = try tensor.part(samples, axis: axis)
      } else if !isConstant {
        result["x\(index)"] = tensor
      }
    }
    return result
  }
}

extension Tensor {
  /// The elements of a range along an axis.
  func part(_ range: Range<Int>, axis: Int) throws -> Tensor {
    var sizes = shape
    sizes[axis] = range.count
    let result = try Tensor(uninitialized: elementType, shape: sizes)
    let outer = shape[..<axis].reduce(1, *)
    let whole = outer == 0 ? 0 : withUnsafeBytes { $0.count } / outer
    let row = shape[axis] == 0 ? 0 : whole / shape[axis]
    for index in 0..<outer {
      memcpy(
        result.storage.pointer + index * row * range.count,
        storage.pointer + index * whole + range.lowerBound * row, row * range.count)
    }
    return result
  }
}

/// Holds an operator to the law that the bits of a sample depend on no other sample: every part of a
/// batch gives the bits that the whole batch gives there.
func checkBatchLaw(
  _ test: BatchCase, sourceLocation: SourceLocation = #_sourceLocation
) throws {
  let inputs = test.inputs()
  let session = try test.session(inputs)
  let whole = try session.run(test.given(inputs, 0..<BatchCase.count))
  for part in BatchCase.parts {
    let results = try session.run(test.given(inputs, part))
    for name in test.node.outputs {
      let (result, all) = (try #require(results[name]), try #require(whole[name]))
      let expected = try all.part(part, axis: test.outputAxis)
      #expect(
        result == expected, "\(test.title): \(name) of samples \(part)",
        sourceLocation: sourceLocation)
    }
  }
}
