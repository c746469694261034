import ONNXFormat
import ONNXSupport

/// Random changes of numbers, strings and tensors, biased towards values that break programs.
struct TensorMutation {
  var random: RandomStream

  init(_ random: RandomStream) { self.random = random }

  mutating func number(below bound: Int) -> Int { Int.random(in: 0..<bound, using: &random) }

  private mutating func one<T>(of values: [T]) -> T { values[number(below: values.count)] }

  mutating func integer(near old: Int64) -> Int64 {
    switch number(below: 4) {
    case 0: old &+ one(of: [1, -1, 2, -2])
    case 1: one(of: [0 &- old, old &* 2, old &<< 32, ~old])
    default: one(of: Self.integers)
    }
  }

  private static let integers: [Int64] = [
    0, 1, -1, 2, -2, 3, 5, 7, 8, 16, 64, 255, 1000, 65536, 16_777_216, 2_147_483_647, 2_147_483_648,
    -2_147_483_648, 4_294_967_296, 1_099_511_627_776, 72_057_594_037_927_936,
    4_611_686_018_427_387_904, 9_223_372_036_854_775_807, 9_223_372_036_854_775_806,
    -9_223_372_036_854_775_808, -9_223_372_036_854_775_807,
  ]

  private mutating func float() -> Float {
    let values: [Float] = [
      0, -0.0, 1, -1, 0.5, -0.5, 2, 3.7, 255.5, 1e-30, -1e-30, 1e30, -1e30, 3e9, -3e9, 1e19, .nan,
      .infinity, -.infinity, .greatestFiniteMagnitude,
    ]
    return one(of: values)
  }

  private static let strings = [
    "", "x", "NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID", "constant", "edge", "reflect", "wrap",
    "linear", "nearest", "cubic", "half_pixel", "half_pixel_symmetric", "align_corners",
    "asymmetric", "pytorch_half_pixel", "tf_crop_and_resize", "floor", "ceil",
    "round_prefer_floor", "round_prefer_ceil", "forward", "reverse", "bidirectional", "add", "mul",
    "min", "max", "none", "mean", "sum", "avg", "DCR", "CRD", "LEFT", "RIGHT", "zeros", "border",
    "reflection", "bilinear", "bicubic", "tanh", "Tanh", "Sigmoid", "Relu", "Affine", "SUM", "MIN",
    "BRANCH_LEQ", "LEAF", "SOFTMAX", "PROBIT", "TF", "IDF", "TFIDF", "UPPER", "LOWER", "MAX", "L1",
    "...ij,jk->ik", "ii->i", "a->", "->", ",", "(a*)*b", "[", "\\", "a{999999}", "\u{0}", "é", "🎈",
  ]

  private mutating func bytes() -> ByteString {
    number(below: 20) == 0 ? ByteString(bytes: [0xFF, 0, 0xC0]) : ByteString(one(of: Self.strings))
  }

  /// A list with an element changed, removed or added, or with its elements shuffled or repeated.
  private mutating func list<T>(_ values: [T], _ change: (inout Self, T?) -> T) -> [T] {
    var values = values
    switch number(below: 8) {
    case 0: values.append(change(&self, values.last))
    case 1: if !values.isEmpty { values.remove(at: number(below: values.count)) }
    case 2: values.shuffle(using: &random)
    case 3: values.removeAll()
    case 4: values += values.prefix(64)
    default:
      if values.isEmpty {
        values = [change(&self, nil)]
      } else {
        let index = number(below: values.count)
        values[index] = change(&self, values[index])
      }
    }
    return values
  }

  mutating func changed(_ value: Attribute.Value) -> Attribute.Value {
    if number(below: 25) == 0 {
      return one(of: [
        .int(1), .ints([1, 1]), .float(1), .floats([1]), .string(ByteString("x")),
        .strings([ByteString("x")]), .tensor(NamedTensor(nil, Tensor(Float(1)))),
      ])
    }
    switch value {
    case .float: return .float(float())
    case .int(let old): return .int(integer(near: old))
    case .string: return .string(bytes())
    case .floats(let old): return .floats(list(old) { mutation, _ in mutation.float() })
    case .ints(let old):
      return .ints(list(old) { mutation, old in mutation.integer(near: old ?? 0) })
    case .strings(let old): return .strings(list(old) { mutation, _ in mutation.bytes() })
    case .tensor(var old):
      old.tensor = changed(old.tensor)
      return .tensor(old)
    default: return value
    }
  }

  mutating func changed(_ value: Value) -> Value {
    switch value {
    case .tensor(let tensor): return .tensor(changed(tensor))
    case .sequence(var sequence):
      sequence.elements = list(sequence.elements) { mutation, element in
        element.map { mutation.changed($0) } ?? .tensor(Tensor(Float(1)))
      }
      if number(below: 2) == 0 { sequence.elementType = nil }
      return .sequence(sequence)
    case .optional(let element, let type):
      guard let element, number(below: 4) > 0 else { return .optional(nil, type: type) }
      return .optional(changed(element), type: type)
    case .map(var map):
      guard case .sequence(let values) = changed(.sequence(map.values)) else { return value }
      let count = values.elements.count
      switch map.keys {
      case .strings(let keys) where keys.count != count:
        map.keys = .strings((0..<count).map { "key \($0)" })
      case .integers(let keys, let type) where keys.count != count:
        map.keys = .integers((0..<Int64(count)).map { $0 }, type)
      default: break
      }
      map.values = values
      return .map(map)
    case .sparseTensor: return value
    }
  }

  mutating func changed(_ tensor: Tensor) -> Tensor {
    switch number(below: 10) {
    case 0..<4: contents(of: tensor)
    case 4..<8: filled(tensor.elementType, shape(near: tensor.shape), from: tensor)
    default: filled(one(of: Array(ElementType.allCases.dropFirst())), tensor.shape, from: tensor)
    }
  }

  private mutating func shape(near old: [Int]) -> [Int] {
    var shape = old
    switch number(below: 9) {
    case 0: shape.insert(one(of: [0, 1, 2, 3]), at: number(below: shape.count + 1))
    case 1: if !shape.isEmpty { shape.remove(at: number(below: shape.count)) }
    case 2: shape.shuffle(using: &random)
    case 3: shape = one(of: [[], [0], [1], [2], [1, 1], [3, 0], [2, 2, 2], [1, 1, 1, 1, 1, 1]])
    case 4: shape = huge(shape)
    default:
      if !shape.isEmpty {
        let index = number(below: shape.count)
        shape[index] = one(of: [0, 1, 2, 3, 5, shape[index] + 1, max(shape[index] - 1, 0), 33])
      }
    }
    let isSmall = (shape.elementCount ?? .max) <= max(1 << 12, 2 * (old.elementCount ?? 0))
    return isSmall ? shape : old
  }

  /// A shape of huge sizes without elements, or one of many dimensions with as many elements as before.
  private mutating func huge(_ old: [Int]) -> [Int] {
    var shape = old
    switch number(below: 3) {
    case 0: return old + Array(repeating: 1, count: one(of: [5, 10, 30, 60]))
    case 1: shape = Array(repeating: one(of: [1 << 20, 1 << 13]), count: min(old.count, 3))
    default: if !shape.isEmpty { shape[number(below: shape.count)] = one(of: [1 << 30, 1 << 50]) }
    }
    if shape.isEmpty { return [0, 1 << 40] }
    if shape.count == 1 || number(below: 2) == 0 {
      shape.insert(0, at: number(below: shape.count + 1))
    } else {
      shape[number(below: shape.count)] = 0
    }
    return shape
  }

  /// The tensor with one element or all of them changed.
  private mutating func contents(of tensor: Tensor) -> Tensor {
    guard tensor.count > 0, let copy = try? tensor.copied() else { return tensor }
    let memory = copy.storage.pointer
    let place = number(below: tensor.count)
    let places = number(below: 4) == 0 ? 0..<tensor.count : place..<place + 1
    func set<T>(_ value: (T) -> T) {
      let elements = memory.assumingMemoryBound(to: T.self)
      for place in places { elements[place] = value(elements[place]) }
    }
    let float = float()
    let kind = number(below: 1 << 20)
    func integers<T: FixedWidthInteger>(_ type: T.Type) {
      let first = memory.assumingMemoryBound(to: T.self)[places.lowerBound]
      let new = T(truncatingIfNeeded: integer(near: Int64(truncatingIfNeeded: first)))
      set { (_: T) in new }
    }
    switch tensor.elementType {
    case .float32: set { (_: Float) in float }
    case .float64: set { (_: Double) in Double(float) }
    case .float16: set { (_: Float16) in Float16(float) }
    case .complex64: set { (_: (Float, Float)) in (float, float) }
    case .complex128: set { (_: (Double, Double)) in (Double(float), Double(float)) }
    case .string:
      let text = bytes().string
      set { (_: String) in text }
    case .bool: set { (old: UInt8) in old ^ 1 }
    case .uint4, .float4e2m1: set { (_: UInt8) in UInt8(kind & 15) }
    case .int4: set { (_: Int8) in Int8(kind & 15) - 8 }
    case .uint2: set { (_: UInt8) in UInt8(kind & 3) }
    case .int2: set { (_: Int8) in Int8(kind & 3) - 2 }
    case .float6e2m3, .float6e3m2: set { (_: UInt8) in UInt8(kind & 63) }
    case .int8, .uint8: integers(UInt8.self)
    case .int16, .uint16: integers(Int16.self)
    case .int32, .uint32: integers(Int32.self)
    case .int64, .uint64: integers(Int64.self)
    default:
      // One or two bytes of a small floating-point format: any bits are valid.
      let stride = tensor.elementType.stride
      for place in places.lowerBound * stride..<places.upperBound * stride {
        (memory + place).storeBytes(of: UInt8(kind >> (place % stride * 8) & 255), as: UInt8.self)
      }
    }
    return copy
  }

  /// A tensor of that type and shape, filled with the repeated elements of `old` if they have the same
  /// type, else with small numbers.
  private mutating func filled(_ type: ElementType, _ shape: [Int], from old: Tensor) -> Tensor {
    guard let tensor = try? Tensor(uninitialized: type, shape: shape), tensor.count > 0 else {
      return (try? Tensor(uninitialized: type, shape: shape)) ?? old
    }
    let memory = tensor.storage.pointer
    func set<T>(_ value: (Int) -> T) {
      let elements = memory.assumingMemoryBound(to: T.self)
      for place in 0..<tensor.count { elements[place] = value(place) }
    }
    guard type != old.elementType || old.count == 0 else {
      if type == .string {
        let strings = old.elements(as: String.self)
        set { strings[$0 % old.count] }
      } else {
        for place in 0..<tensor.count {
          (memory + place * type.stride).copyMemory(
            from: old.storage.pointer + place % old.count * type.stride, byteCount: type.stride)
        }
      }
      return tensor
    }
    switch type {
    case .float32: set { Float($0 % 5) - 1 }
    case .float64: set { Double($0 % 5) - 1 }
    case .float16: set { Float16($0 % 5) - 1 }
    case .complex64: set { (Float($0 % 3), Float(1)) }
    case .complex128: set { (Double($0 % 3), Double(1)) }
    case .string: set { "\($0 % 3)" }
    default:
      // The lowest byte of each element: a small integer, a Boolean, or a small float.
      memory.initializeMemory(as: UInt8.self, repeating: 0, count: tensor.storage.byteCount)
      for place in 0..<tensor.count {
        (memory + place * type.stride).storeBytes(of: UInt8(place & 1), as: UInt8.self)
      }
    }
    return tensor
  }
}
