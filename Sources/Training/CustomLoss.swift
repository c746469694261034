import ONNXDifferentiation
import ONNXFormat
import ONNXInterpreter
import ONNXOperators

/// A loss that a closure builds from the model's outputs and the labels, as a layer builds its output.
public struct CustomLoss: Sendable {
  /// Builds the loss, a floating-point number of rank 0.
  ///
  /// It may add further inputs, such as weights of examples, with `ModelBuilder.input`; batches must
  /// then contain them. It may throw any error.
  /// - Parameters:
  ///   - m: Adds nodes.
  ///   - outputs: The model's outputs and other values.
  ///   - labels: The input `Loss.labels`.
  public typealias Body =
    @Sendable (_ m: ModelBuilder, _ outputs: ModelSignals, _ labels: Signal) throws -> Signal

  /// The element type and shape of the labels; `nil` for those of the output.
  public let labels: TensorType?
  let body: Body

  /// Creates a loss.
  public init(labels: TensorType? = nil, _ body: @escaping Body) {
    self.labels = labels
    self.body = body
  }
}

extension Loss {
  /// A loss that a closure builds in the graph. Gradients follow from its nodes; the trained model does
  /// not contain them.
  ///
  /// ```swift
  /// options.loss = .custom { m, outputs, labels in
  ///   try mean(log(1 + pow(outputs[0] - labels, 2)))
  /// }
  /// ```
  /// - Parameter labels: The element type and shape of the labels, such as `TensorType(.int64, ["N"])`;
  ///   `nil` for those of the output.
  public static func custom(
    labels: TensorType? = nil, _ body: @escaping CustomLoss.Body
  ) -> Loss { .custom(CustomLoss(labels: labels, body)) }
}

/// The values of a model, by which a custom loss refers to them.
public struct ModelSignals {
  /// The names of the model's outputs.
  public let outputNames: [String]
  private let builder: ModelBuilder
  private let types: Differentiation

  init(_ outputNames: [String], _ builder: ModelBuilder, _ types: Differentiation) {
    self.outputNames = outputNames
    self.builder = builder
    self.types = types
  }

  /// An output by its position.
  /// - Throws: `ModelError.graph` if there is none, or its shape cannot be inferred.
  public subscript(position: Int) -> Signal {
    get throws(ModelError) {
      guard outputNames.indices.contains(position) else {
        throw .graph(
          "the loss reads output \(position) of a model with \(outputNames.count) outputs")
      }
      return try self[outputNames[position]]
    }
  }

  /// An output, input, parameter or other value of the model by its name.
  /// - Throws: `ModelError.unknownName` if there is none, `ModelError.graph` if its shape cannot be
  ///   inferred.
  public subscript(name: String) -> Signal {
    get throws(ModelError) {
      guard types.graph.allNames.contains(name) else {
        throw .unknownName(name, nearest: nearest(name, Array(types.graph.allNames)))
      }
      guard let type = types.type(of: name)?.tensorType, let shape = type.shape else {
        throw .graph("the loss reads '\(name)', whose shape cannot be inferred")
      }
      return Signal(builder: builder, name: name, elementType: type.elementType, shape: shape)
    }
  }
}

extension CustomLoss {
  /// Adds the nodes of the loss.
  /// - Parameters:
  ///   - output: The type of the output that the labels are compared with.
  ///   - graph: The model's graph, which gets the inputs that the loss takes besides the labels.
  ///   - types: The types of the model's values.
  func add(
    _ output: TensorType, _ options: TrainingOptions, to graph: inout Graph,
    _ types: Differentiation, _ builder: inout GraphBuilder
  ) throws(TrainingError) -> LossValues {
    let labels = labels ?? output
    guard let shape = labels.shape else {
      throw .model("the labels of a custom loss need a shape, such as TensorType(.int64, [\"N\"])")
    }
    let m = ModelBuilder(
      elementType: output.elementType == .float64 ? .float64 : .float32,
      operators: options.session.operators, drawsValues: true, builder: builder)
    let loss: Signal
    do {
      let built = try body(
        m, ModelSignals(graph.outputs.map(\.name), m, types),
        Signal(builder: m, name: Loss.labels, elementType: labels.elementType, shape: shape))
      guard built.elementType.isFloatingPoint, built.rank == 0 else {
        throw TrainingError.model(
          "a loss is a floating-point number of rank 0, but the custom loss is "
            + "\(TensorType(built.elementType, built.shape)); take its mean or sum")
      }
      loss = try m.nodes("Identity", [built], outputs: ["loss"])[0]
    } catch let error as TrainingError {
      throw error
    } catch let error as ModelError {
      throw .interpreter(error)
    } catch { throw .model("the custom loss: \(error)") }
    guard m.builder.initializers.allSatisfy({ !$0.tensor.elementType.isFloatingPoint }) else {
      throw .model("the custom loss has a parameter; parameters belong to the model")
    }
    builder = m.builder
    graph.inputs += m.inputs
    return LossValues(loss: loss.name, labelType: labels.elementType)
  }
}
