import ONNXFormat
import ONNXOperators

/// The value of the only attribute that is given. A sparse tensor is converted to a dense one.
struct Constant: Operator {
  static let schema = Schema(
    "Constant",
    [
      1: .all, 9: .all, 11: .all, 12: .all, 13: .all, 19: .all, 21: .all, 23: .all, 24: .all,
      25: .all,
    ], inputs: 0...0)

  private enum Content {
    case tensor(Tensor)
    case sparse(SparseTensor)
  }
  private let content: Content

  init(_ node: inout NodeReader) throws(OperatorError) {
    var found: [Content] = []
    if let tensor = try node.optionalTensor("value") { found.append(.tensor(tensor)) }
    if node.version >= 11, let sparse = try node.optionalSparseTensor("sparse_value") {
      found.append(.sparse(sparse))
    }
    if node.version >= 12 {
      if let number = try node.optionalInt("value_int") {
        found.append(.tensor(Tensor(Int64(number))))
      }
      if let list = try node.optionalInts("value_ints") {
        found.append(.tensor(Tensor(shape: [list.count], list.map(Int64.init))))
      }
      if let number = try node.optionalFloat("value_float") {
        found.append(.tensor(Tensor(number)))
      }
      if let list = try node.optionalFloats("value_floats") {
        found.append(.tensor(Tensor(shape: [list.count], list)))
      }
      if let string = try node.optionalString("value_string") {
        found.append(.tensor(Tensor(string)))
      }
      if let list = try node.optionalStrings("value_strings") {
        found.append(.tensor(Tensor(shape: [list.count], list)))
      }
    }
    guard found.count == 1 else {
      throw .invalid("expected one attribute with a value, got \(found.count)")
    }
    content = found[0]
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    switch content {
    case .tensor(let tensor): return [.tensor(tensor.type)]
    case .sparse(let sparse): return [.tensor(sparse.values.tensor.elementType, sparse.shape)]
    }
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    switch content {
    case .tensor(let tensor): return .produce { _ in [.tensor(tensor)] }
    case .sparse(let sparse):
      return .produce { call throws(OperatorError) in
        guard let count = sparse.shape.elementCount else {
          throw .attribute("sparse_value", "no tensor has shape \(sparse.shape)")
        }
        let bytes = count.multipliedReportingOverflow(by: sparse.values.tensor.elementType.stride)
        try call.context.reserve(bytes: bytes.overflow ? Int.max : bytes.partialValue)
        do throws(TensorError) { return [.tensor(try sparse.dense())] } catch {
          throw OperatorError(error)
        }
      }
    }
  }
}

extension Constant {
  static var versionSteps: [VersionStep] {
    [
      VersionStep(
        11,
        down: { change throws(OperatorError) in
          guard case .sparseTensor(let sparse)? = try change.attribute("sparse_value") else {
            return
          }
          do throws(TensorError) { change.set(.tensor("value", try sparse.dense())) } catch {
            throw OperatorError(error)
          }
          change.drop("sparse_value")
        }),
      VersionStep(
        12,
        down: { change throws(OperatorError) in
          for attribute in change.node.attributes where attribute.name.hasPrefix("value_") {
            let tensor: Tensor? =
              switch try change.attribute(attribute.name) {
              case .float(let number): Tensor(number)
              case .floats(let list): Tensor(shape: [list.count], list)
              case .int(let number): Tensor(number)
              case .ints(let list): Tensor(shape: [list.count], list)
              case .string(let string): Tensor(string.string)
              case .strings(let list): Tensor(shape: [list.count], list.map(\.string))
              default: nil
              }
            guard let tensor else { continue }
            change.set(.tensor("value", tensor))
            change.drop(attribute.name)
          }
        }),
    ]
  }
}
