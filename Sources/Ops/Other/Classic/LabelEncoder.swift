import ONNXFormat
import ONNXOperators
import ONNXShape

/// Replaces each element by the value of its key, or by a default.
struct LabelEncoder: Operator {
  static let schema = Schema(
    "LabelEncoder", domain: "ai.onnx.ml",
    [
      2: [.float32, .int64, .string],
      4: [.string, .int64, .float32, .int32, .int16, .float64],
    ], inputs: 1...1)
  private let keys: Tensor
  private let values: Tensor
  private let fallback: Tensor

  init(_ node: inout NodeReader) throws(OperatorError) {
    keys = try Self.list(&node, "keys")
    values = try Self.list(&node, "values")
    guard keys.count == values.count else {
      throw .invalid("\(keys.count) keys are given for \(values.count) values")
    }
    let int = Int64(try node.int("default_int64", default: -1))
    let float = try node.float("default_float", default: -0.0)
    let string = try node.string("default_string", default: "_Unused")
    let given = node.version >= 4 ? try node.optionalTensor("default_tensor") : nil
    let usual: Tensor =
      switch values.elementType {
      case .string: Tensor(string)
      case .float32: Tensor(float)
      case .float64: Tensor(-0.0 as Double)
      case .int32: Tensor(-1 as Int32)
      case .int16: Tensor(-1 as Int16)
      default: Tensor(int)
      }
    fallback = given ?? usual
    guard fallback.elementType == values.elementType, fallback.count == 1 else {
      throw .attribute("default_tensor", "expected one \(values.elementType), got \(fallback.type)")
    }
  }

  /// The list of that name with any element type; exactly one must be given.
  private static func list(
    _ node: inout NodeReader, _ name: String
  ) throws(OperatorError) -> Tensor {
    var lists: [Tensor] = []
    if let list = try node.optionalInts(name + "_int64s") {
      lists.append(Tensor(shape: [list.count], list.map(Int64.init)))
    }
    if let list = try node.optionalFloats(name + "_floats") {
      lists.append(Tensor(shape: [list.count], list))
    }
    if let list = try node.optionalStrings(name + "_strings") {
      lists.append(Tensor(shape: [list.count], list))
    }
    if node.version >= 4, let tensor = try node.optionalTensor(name + "_tensor") {
      lists.append(tensor)
    }
    guard lists.count == 1 else {
      throw .invalid("expected one attribute '\(name)_…', got \(lists.count)")
    }
    return lists[0]
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let data = try inputs.tensor(0)
    guard data.elementType == keys.elementType else {
      throw .input(0, "expected \(keys.elementType), the type of the keys, got \(data.elementType)")
    }
    return [.tensor(values.elementType, data.shape)]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let count = try call.inputCount(0)
    // The values followed by the default.
    let find: @Sendable (Buffers, UnsafeMutablePointer<Int>) -> Void
    switch keys.elementType {
    case .string: find = lookup(String.self, count) { Array($0.utf8) }
    case .int64: find = lookup(Int64.self, count) { $0 }
    case .int32: find = lookup(Int32.self, count) { $0 }
    case .int16: find = lookup(Int16.self, count) { $0 }
    case .float32: find = lookup(Float.self, count) { Self.key(Double($0)) }
    case .float64: find = lookup(Double.self, count) { Self.key($0) }
    default: throw .attribute("keys_tensor", "keys of type \(keys.elementType) are not supported")
    }
    let pool = try concatenated(values, fallback)
    let type = values.elementType
    return .compute(scratch: try scratchBytes(count)) { buffers in
      let offsets = buffers.scratch.assumingMemoryBound(to: Int.self)
      find(buffers, offsets)
      moveBlocks(
        type, block: 1, from: pool.storage.pointer,
        to: UnsafeMutableRawPointer(buffers.output(0, as: UInt8.self)),
        offsets: UnsafeBufferPointer(start: offsets, count: count))
    }
  }

  /// All NaNs are equal as keys, and so are both zeros.
  private static func key(_ number: Double) -> UInt64 {
    number.isNaN ? Double.nan.bitPattern : number == 0 ? 0 : number.bitPattern
  }

  /// A function that returns the index of the key of each element. The last one of equal keys is used.
  private func lookup<T: Element, Key: Hashable & Sendable>(
    _ type: T.Type, _ count: Int, _ key: @escaping @Sendable (T) -> Key
  ) -> @Sendable (Buffers, UnsafeMutablePointer<Int>) -> Void {
    var places: [Key: Int] = [:]
    for (place, element) in keys.elements(as: T.self).enumerated() { places[key(element)] = place }
    let missing = keys.count
    return { [places] buffers, offsets in
      let x = buffers.input(0, as: T.self)
      for i in 0..<count { offsets[i] = places[key(x[i])] ?? missing }
    }
  }

  private func concatenated(_ a: Tensor, _ b: Tensor) throws(OperatorError) -> Tensor {
    let result: Tensor
    do { result = try Tensor(uninitialized: a.elementType, shape: [a.count + b.count]) } catch {
      throw OperatorError(error)
    }
    for (tensor, start) in [(a, 0), (b, a.count)] {
      StridedCopy(a.elementType, [tensor.count], from: [1], to: [1], toOffset: start)
        .run(from: tensor.storage.pointer, to: result.storage.pointer)
    }
    return result
  }
}

/// `LabelEncoder` of version 1: converts strings to their indices in a list and back.
struct LabelEncoder1: Operator {
  static let schema = Schema(
    "LabelEncoder", domain: "ai.onnx.ml", [1: [.string, .int64]], inputs: 1...1)
  let classes: [String]
  let places: [[UInt8]: Int64]
  let fallbackString: String
  let fallbackInt: Int64

  init(_ node: inout NodeReader) throws(OperatorError) {
    classes = try node.optionalStrings("classes_strings") ?? []
    fallbackString = try node.string("default_string", default: "_Unused")
    fallbackInt = Int64(try node.int("default_int64", default: -1))
    var places: [[UInt8]: Int64] = [:]
    for (place, name) in classes.enumerated() { places[Array(name.utf8)] = Int64(place) }
    self.places = places
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let data = try inputs.tensor(0, [.string, .int64])
    return [.tensor(data.elementType == .string ? .int64 : .string, data.shape)]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let count = try call.inputCount(0)
    let isString = try call.elementType(0) == .string
    return .compute { buffers in
      if isString {
        let (x, y) = (buffers.input(0, as: String.self), buffers.output(0, as: Int64.self))
        for i in 0..<count { y[i] = places[Array(x[i].utf8)] ?? fallbackInt }
      } else {
        let (x, y) = (buffers.input(0, as: Int64.self), buffers.output(0, as: String.self))
        for i in 0..<count {
          y[i] = classes.indices.contains(Int(x[i])) ? classes[Int(x[i])] : fallbackString
        }
      }
    }
  }
}

extension LabelEncoder {
  static var versionSteps: [VersionStep] {
    [
      VersionStep(
        2,
        up: { change throws(OperatorError) in
          guard case .strings(let classes)? = try change.attribute("classes_strings") else {
            throw .attribute("classes_strings", "is missing")
          }
          let isText = try change.elementType(0) == .string
          let places = Attribute.ints(
            isText ? "values_int64s" : "keys_int64s", Array(classes.indices))
          change.drop("classes_strings", isText ? "default_string" : "default_int64")
          change.set(
            Attribute(isText ? "keys_strings" : "values_strings", .strings(classes)))
          change.set(places)
        },
        down: { change throws(OperatorError) in
          let isText = change.node.attribute("keys_strings") != nil
          let (names, places) =
            isText ? ("keys_strings", "values_int64s") : ("values_strings", "keys_int64s")
          guard case .strings(let classes)? = try change.attribute(names),
            try change.ints(places) == Array(classes.indices)
          else { throw .invalid("that version supports only strings and their indices in a list") }
          change.drop(names, places, isText ? "default_string" : "default_int64", "default_float")
          change.set(Attribute("classes_strings", .strings(classes)))
        }),
      VersionStep(
        4,
        down: { change throws(OperatorError) in
          for name in ["keys", "values", "default"] { try change.listInPlaceOfTensor(name) }
        }),
    ]
  }
}

extension VersionChange {
  /// Replaces a tensor by the attribute of its element type.
  fileprivate mutating func listInPlaceOfTensor(_ name: String) throws(OperatorError) {
    guard case .tensor(let named)? = try attribute(name + "_tensor") else { return }
    let tensor = named.tensor
    drop(name + "_tensor")
    let isList = name != "default"
    switch tensor.elementType {
    case .int64:
      let list = tensor.elements(as: Int64.self)
      if isList {
        set(Attribute(name + "_int64s", .ints(Array(list))))
      } else if let first = list.first {
        set(Attribute(name + "_int64", .int(first)))
      }
    case .float32:
      let list = tensor.elements(as: Float.self)
      if isList {
        set(.floats(name + "_floats", Array(list)))
      } else if let first = list.first {
        set(.float(name + "_float", first))
      }
    case .string:
      let list = tensor.elements(as: String.self)
      if isList {
        set(.strings(name + "_strings", Array(list)))
      } else if let first = list.first {
        set(.string(name + "_string", first))
      }
    default:
      throw .attribute(name + "_tensor", "that version does not support \(tensor.elementType)")
    }
  }
}
