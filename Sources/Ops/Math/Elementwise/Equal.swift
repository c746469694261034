import ONNXFormat
import ONNXOperators

/// `a = b` for each pair of elements, broadcast. NaN equals nothing, and strings are compared
/// bytewise.
struct Equal: ComparisonOperator {
  static let schema = Schema(
    "Equal",
    [
      1: [.bool, .int32, .int64], 7: [.bool, .int32, .int64], 11: [.bool, .integers, .floats],
      13: [.bool, .integers, .floats, .bfloat16],
      19: [.bool, .integers, .floats, .bfloat16, .string],
    ], inputs: 2...2)
  let alignment: OperandAlignment

  func compare<T: Comparable>(_ a: T, _ b: T) -> Bool { a == b }

  func loop(_ type: ElementType) -> AnyBinaryLoop? {
    switch type {
    case .bool:
      AnyBinaryLoop { (a: UnsafePointer<UInt8>, aStep, b: UnsafePointer<UInt8>, bStep, y, count) in
        mapRow(a, aStep, b, bStep, y, count) { ($0 != 0) == ($1 != 0) ? 1 as UInt8 : 0 }
      }
    case .string:
      AnyBinaryLoop {
        (a: UnsafePointer<String>, aStep, b: UnsafePointer<String>, bStep, y, count) in
        mapRow(a, aStep, b, bStep, y, count) {
          $0.utf8.elementsEqual($1.utf8) ? 1 as UInt8 : 0
        }
      }
    default: comparisonLoop(type)
    }
  }
}

extension Equal {
  static var versionSteps: [VersionStep] {
    [
      .broadcast,
      // Earlier versions reject floating point: two numbers are equal if neither is less.
      VersionStep(
        11,
        down: { change throws(OperatorError) in
          let type = try change.elementType(0)
          guard TypeSet.floats.contains(type) else { return }
          let (a, b) = (try change.input(0), try change.input(1))
          let differs = change.emit(
            "Or", [change.emit("Less", [a, b]), change.emit("Greater", [a, b])])
          let areNumbers = change.emit(
            "And", [try change.isNumber(a, type), try change.isNumber(b, type)])
          change.become("And", [change.emit("Not", [differs]), areNumbers])
        }),
    ]
  }
}
