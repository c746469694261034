import ONNXDifferentiation
import ONNXFormat
import ONNXInterpreter

extension ExplainedModel {
  /// A function that computes the gradient of `Σ weights · y` by `x`, for weights of `y`'s shape.
  /// - Throws: `ExplainError` for a node between `x` and `y` that has no gradient, and if `y` does
  ///   not depend on `x`
  func gradient(
    of y: String, by x: String
  ) throws(ExplainError) -> (_ weights: Tensor) throws(ExplainError) -> Tensor {
    let weights = "\(y)_explained_weights"
    let product = "\(y)_explained_product"
    let sum = "\(y)_explained_sum"
    var model = model
    let type = try tensors([y])[y]?.type ?? TensorType(.float32, nil)
    model.graph.inputs.append(ValueInfo(weights, .tensor(type)))
    var multiply = Node("Mul", inputs: [y, weights], outputs: [product])
    multiply.operatorSetVersion = 14
    var reduce = Node(
      "ReduceSum", inputs: [product], outputs: [sum], attributes: [.int("keepdims", 0)])
    reduce.operatorSetVersion = 13
    model.graph.nodes += [multiply, reduce]

    var types = inputs.mapValues(\.type)
    types[weights] = .tensor(type)
    let gradient: String
    let session: Session
    do throws(ModelError) {
      var differentiation = try Differentiation(model, inputTypes: types, options: options)
      guard let name = try differentiation.gradients(of: sum, by: [x])[x] else {
        throw .graph("'\(y)' does not depend on '\(x)'")
      }
      gradient = name
      model.graph = differentiation.graph
      model.functions = []
      model.graph.outputs = [ValueInfo(name, nil)]
      session = try Session(model, options: options)
    } catch { throw .model(error) }
    let inputs = inputs
    return { (tensor) throws(ExplainError) in
      var given = inputs
      given[weights] = .tensor(tensor)
      let outputs: [String: Value]
      do throws(ModelError) { outputs = try session.run(values: given) } catch {
        throw .model(error)
      }
      guard let result = outputs[gradient]?.tensor else {
        throw .unsuitable("the gradient by '\(x)' is not a tensor")
      }
      return result
    }
  }

  /// The indices of the best score of each step, or of all scores where they have no steps, in the
  /// first example of a batch.
  /// - Parameters:
  ///   - scores: `[N, T, …]`, `[T, N, …]` or `[N, …]`
  ///   - name: their name, for the error
  ///   - steps: T; `nil` for scores without steps
  func bestScores(
    _ scores: Tensor, _ name: String, steps: Int?
  ) throws(ExplainError) -> [Int] {
    let values = try scores.floats(name)
    let shape = scores.shape
    func best(_ places: some Sequence<Int>) -> Int {
      places.max { values[$0] < values[$1] } ?? 0
    }
    if let steps, shape.count >= 3, shape[1] == steps {
      let size = shape[2...].reduce(1, *)
      return (0..<steps).map { best($0 * size..<($0 + 1) * size) }
    }
    if let steps, shape.count >= 3, shape[0] == steps {
      let size = shape[1...].reduce(1, *)
      let inner = shape[2...].reduce(1, *)
      return (0..<steps).map { best($0 * size..<$0 * size + inner) }
    }
    let size = shape.dropFirst().reduce(1, *)
    return [best(0..<size)]
  }
}

extension Tensor {
  /// The elements as float32.
  /// - Parameter name: the tensor's name, for the error
  /// - Throws: `ExplainError` for elements that are not floating point
  func floats(_ name: String) throws(ExplainError) -> [Float] {
    switch elementType {
    case .float32: Array(elements(as: Float.self))
    case .float64: elements(as: Double.self).map { Float($0) }
    case .float16: elements(as: Float16.self).map { Float($0) }
    default: throw .unsuitable("expected '\(name)' to be floating point, found \(type)")
    }
  }

  /// A tensor of this type and shape with a 1 at `index` and zeros elsewhere.
  func unit(at index: Int) throws(ExplainError) -> Tensor {
    func make<T: BinaryFloatingPoint & Element>(_: T.Type) throws(ExplainError) -> Tensor {
      do {
        return try Tensor(T.self, shape: shape) { target in
          target.update(repeating: 0)
          target[index] = 1
        }
      } catch { throw .unsuitable("\(error)") }
    }
    switch elementType {
    case .float32: return try make(Float.self)
    case .float64: return try make(Double.self)
    case .float16: return try make(Float16.self)
    default: throw .unsuitable("expected floating-point scores, found \(type)")
    }
  }
}
