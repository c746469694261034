import CKernels
import ONNXFormat
import ONNXOperators

/// `activation(X · W + b + residual)` for rows X `[…, K]` and a constant matrix W `[K, N]`: the fusion
/// of a `MatMul` and the nodes that follow. b has N elements, the residual the shape of the result.
struct FusedMatMul: Operator {
  static let schema = Schema(
    "FusedMatMul", domain: "swift.onnx", [1: [.float32]], inputs: 2...4)
  let activation: Activation

  init(_ node: inout NodeReader) throws(OperatorError) { activation = try Activation(&node) }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let x = try inputs.tensor(0)
    let w = try inputs.tensor(1, sameTypeAs: 0)
    if let shape = w.shape, shape.rank != 2 { throw .input(1, "expected rank 2, got \(shape)") }
    let shape = try productShape(x.shape, w.shape)
    if inputs.has(2) {
      let bias = try inputs.tensor(2, sameTypeAs: 0).shape
      if let columns = w.shape?[1].size, let bias, let count = bias.sizes?.elementCount,
        count != columns
      {
        throw .input(2, "expected \(columns) elements, got shape \(bias)")
      }
    }
    if inputs.has(3) {
      let residual = try inputs.tensor(3, sameTypeAs: 0).shape
      if let residual, let shape {
        guard
          residual.rank == shape.rank
            && zip(residual, shape).allSatisfy({ $0.size == nil || $1.size == nil || $0 == $1 })
        else {
          throw .input(3, "expected shape \(shape), the shape of the result, got \(residual)")
        }
      }
    }
    return [.tensor(x.elementType, shape)]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let sizes = try ProductSizes(try call.inputSizes(0), try call.inputSizes(1)).folded
    let epilogue = Epilogue(residual: call.inputs.has(3) ? 3 : nil, activation: activation)
    epilogue.note(in: call)
    let product = PanelProduct(
      rows: sizes.rows, columns: sizes.columns, depth: sizes.depth, isTransposed: false,
      bias: call.inputs.has(2) ? 2 : nil, residual: epilogue.residual, activation: activation)
    if let kernel = try product.kernel(call) { return kernel }
    return plain(sizes, epilogue, bias: product.bias)
  }

  /// The kernel for empty sums, and for a W that is not constant after all.
  private func plain(_ sizes: ProductSizes, _ epilogue: Epilogue, bias: Int?) -> Kernel {
    let (rows, columns, depth) = (sizes.rows, sizes.columns, sizes.depth)
    return .compute { buffers in
      let (x, w) = (buffers.input(0, as: Float.self), buffers.input(1, as: Float.self))
      let y = buffers.output(0, as: Float.self)
      for row in 0..<rows {
        let y = y + row * columns
        for n in 0..<columns {
          var sum = bias.map { buffers.input($0, as: Float.self)[n] } ?? 0
          for k in 0..<depth { sum += x[row * depth + k] * w[k * columns + n] }
          y[n] = sum
        }
      }
      epilogue.finish(
        buffers, y, offset: 0, channel: 0, rows: rows, columns: columns, stride: columns)
    }
  }
}

extension MatMul: FusingOperator {
  func fused(with next: FusionPartner) -> Fusion? {
    guard let w = next.constant(next.node.inputs[1]), w.elementType == .float32,
      w.shape.count == 2
    else { return nil }
    return ProductParts(inputs: next.node.inputs, columns: w.shape[1]).fused(with: next)
  }
}

extension FusedMatMul: FusingOperator {
  func fused(with next: FusionPartner) -> Fusion? {
    // Nothing can be added after the activation.
    guard activation == .none, let w = next.constant(next.node.inputs[1]) else { return nil }
    return ProductParts(inputs: next.node.inputs, columns: w.shape[1]).fused(with: next)
  }
}

/// A product without an activation, while fusion absorbs the node that follows.
private struct ProductParts {
  let inputs: [String]
  let columns: Int

  private func input(_ index: Int) -> String { index < inputs.count ? inputs[index] : "" }

  func fused(with next: FusionPartner) -> Fusion? {
    guard let type = next.type(next.node.outputs[0])?.tensorType, let shape = type.shape,
      next.type(next.next.outputs[0])?.tensorType == type
    else { return nil }
    switch next.nextOperator {
    case let function as any ActivationOperator:
      return function.activation(next).map { node(next, activation: $0) }
    case let sum as any AffineOperator where next.next.inputs.count == 2:
      guard sum.affineRole == .sum, sum.broadcastsByNumPy else { return nil }
      let other = next.next.inputs[1 - next.position]
      if input(2).isEmpty, input(3).isEmpty, let bias = next.constant(other),
        bias.shape.last == columns, bias.count == columns
      {
        return node(next, bias: other)
      }
      guard input(3).isEmpty, next.type(other)?.tensorType == type, !shape.contains(.unknown)
      else { return nil }
      return node(next, residual: other)
    default: return nil
    }
  }

  private func node(
    _ next: FusionPartner, bias: String? = nil, residual: String? = nil,
    activation: Activation = .none
  ) -> Fusion {
    var names = [input(0), input(1), bias ?? input(2), residual ?? input(3)]
    while names.last == "" { names.removeLast() }
    return Fusion(
      Node(
        FusedMatMul.schema.name, domain: FusedMatMul.schema.domain, name: next.node.name,
        inputs: names, outputs: next.next.outputs, attributes: activation.attributes))
  }
}
