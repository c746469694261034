import ONNXFormat

/// A value that a pickle makes. Values that hold others are indices into the tables of the pickle: a
/// list can hold itself, and no value is freed by recursion.
enum PickleValue {
  case none
  case bool(Bool)
  case int(Int)
  case double(Double)
  /// An integer of more than 64 bits, lowest byte first.
  case long([UInt8])
  case string(String)
  case bytes([UInt8])
  case tuple(Int)
  case list(Int)
  case dictionary(Int)
  case global(PickleGlobal)
  case storage(Int)
  case tensor(Int)
  case array(Int)
  case dataType(Int)
  /// A value that a state dict does not need, such as a device.
  case other
}

/// The objects of a pickle.
struct PickleObjects {
  /// Elements of tuples, lists and sets.
  var sequences: [[PickleValue]] = []
  var dictionaries: [[(key: PickleValue, value: PickleValue)]] = []
  var storages: [TorchStorage] = []
  var tensors: [TorchTensor] = []
  var arrays: [PickledArray] = []
  var dataTypes: [NPYDataType] = []

  var count: Int {
    sequences.count + dictionaries.count + storages.count + tensors.count + arrays.count
      + dataTypes.count
  }
}

/// A reference to a storage.
struct TorchStorage: Hashable {
  var key: String
  /// `nil` for a storage of bytes, whose tensors state their type.
  var elementType: ElementType?
  /// The number of elements.
  var count: Int
  /// The offset of a view, in elements of the storage of that key.
  var offset = 0
}

/// A tensor: a strided view of a storage.
struct TorchTensor {
  var storage: Int
  var elementType: ElementType
  /// The offset in the storage, in elements.
  var offset: Int
  var shape: [Int]
  /// The stride of each dimension, in elements.
  var strides: [Int]
}

/// A NumPy array or scalar with its bytes.
struct PickledArray {
  var dataType = NPYDataType(elementType: .uint8)
  var shape: [Int] = [0]
  var isFortranOrder = false
  var bytes: [UInt8] = []
}
