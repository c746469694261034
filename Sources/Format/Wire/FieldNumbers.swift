/// The numbers of the fields that are read and written without protobuf-c: submessages and lists that
/// can be long.
enum FieldNumber {
  enum Model {
    static let graph: UInt32 = 7
    static let metadata: UInt32 = 14
    static let trainingInfo: UInt32 = 20
    static let functions: UInt32 = 25
    static let configuration: UInt32 = 26
  }
  enum TrainingInfo {
    static let initialization: UInt32 = 1
    static let algorithm: UInt32 = 2
  }
  enum Function {
    static let node: UInt32 = 7
    static let attributeDefault: UInt32 = 11
    static let valueInfo: UInt32 = 12
    static let metadata: UInt32 = 14
  }
  enum Graph {
    static let node: UInt32 = 1
    static let initializer: UInt32 = 5
    static let input: UInt32 = 11
    static let output: UInt32 = 12
    static let valueInfo: UInt32 = 13
    static let annotation: UInt32 = 14
    static let sparseInitializer: UInt32 = 15
    static let metadata: UInt32 = 16
  }
  enum Node {
    static let name: UInt32 = 3
    static let operatorType: UInt32 = 4
    static let attribute: UInt32 = 5
  }
  enum Attribute {
    static let tensor: UInt32 = 5
    static let graph: UInt32 = 6
    static let floats: UInt32 = 7
    static let ints: UInt32 = 8
    static let strings: UInt32 = 9
    static let tensors: UInt32 = 10
    static let graphs: UInt32 = 11
    static let type: UInt32 = 14
    static let types: UInt32 = 15
    static let sparseTensor: UInt32 = 22
    static let sparseTensors: UInt32 = 23
  }
  enum Tensor {
    static let dims: UInt32 = 1
    static let floatData: UInt32 = 4
    static let int32Data: UInt32 = 5
    static let stringData: UInt32 = 6
    static let int64Data: UInt32 = 7
    static let rawData: UInt32 = 9
    static let doubleData: UInt32 = 10
    static let uint64Data: UInt32 = 11
  }
  enum SparseTensor {
    static let values: UInt32 = 1
    static let indices: UInt32 = 2
    static let dims: UInt32 = 3
  }
  enum Sequence {
    static let tensors: UInt32 = 3
    static let sparseTensors: UInt32 = 4
    static let sequences: UInt32 = 5
    static let maps: UInt32 = 6
    static let optionals: UInt32 = 7
  }
  enum Map {
    static let stringKeys: UInt32 = 4
    static let values: UInt32 = 5
  }
  enum Optional {
    static let tensor: UInt32 = 3
    static let sparseTensor: UInt32 = 4
    static let sequence: UInt32 = 5
    static let map: UInt32 = 6
    static let optional: UInt32 = 7
  }
}
