import ONNXFormat

/// What a pickle makes. What can hold other values lies in the pickle's tables, under a number:
/// lists can hold themselves, and nothing here is freed by recursion.
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
  /// Something that means nothing to a state dict, such as a device.
  case other
}

/// The tables of a pickle.
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

/// A storage as a pickle names it.
struct TorchStorage: Hashable {
  var key: String
  /// `nil` for one of bytes, whose tensors know their type.
  var elementType: ElementType?
  /// Number of elements.
  var count: Int
  /// The first element within the storage of that key.
  var offset = 0
}

/// A tensor as a pickle describes it: a view of a storage.
struct TorchTensor {
  var storage: Int
  var elementType: ElementType
  /// The first element in the storage.
  var offset: Int
  var shape: [Int]
  /// Elements from one index to the next, for each dimension.
  var strides: [Int]
}

/// A NumPy array or scalar whose bytes lie in the pickle.
struct PickledArray {
  var dataType = NPYDataType(elementType: .uint8)
  var shape: [Int] = [0]
  var isFortranOrder = false
  var bytes: [UInt8] = []
}
