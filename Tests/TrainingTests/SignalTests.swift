import Foundation
import ONNX
import Testing

/// Functions of signals, against the numbers of Swift.
@Suite struct SignalTests {
  /// The value of an expression for `a` and `b`.
  private func value(
    _ a: [Double], _ b: [Double] = [], shape: [Int]? = nil,
    _ expression: (Signal, Signal) throws -> Signal
  ) throws -> [Double] {
    let m = ModelBuilder(elementType: .float64)
    let shape = shape ?? [a.count]
    let x = try m.input("a", Shape(shape))
    let y = try m.input("b", Shape([b.count]))
    try m.output("c", expression(x, y))
    return try #require(
      Session(m.model(name: "expression")).run([
        "a": Tensor(shape: shape, a), "b": Tensor(shape: [b.count], b),
      ])["c"]
    ).array(as: Double.self)
  }

  private func expect(_ actual: [Double], _ wanted: [Double]) {
    #expect(actual.count == wanted.count)
    for (a, w) in zip(actual, wanted) { #expect(abs(a - w) < 1e-12) }
  }

  private let a = [0.5, -1.5, 2], b = [2, 0.25, -4.0]

  @Test func operatorsWorkOnSignalsAndNumbers() throws {
    expect(try value(a, b) { try $0 + $1 }, zip(a, b).map { $0 + $1 })
    expect(try value(a, b) { try $0 - $1 }, zip(a, b).map { $0 - $1 })
    expect(try value(a, b) { try $0 * $1 }, zip(a, b).map { $0 * $1 })
    expect(try value(a, b) { try $0 / $1 }, zip(a, b).map { $0 / $1 })
    expect(try value(a) { x, _ in try -x }, a.map { -$0 })
    expect(try value(a) { x, _ in try x + 1 }, a.map { $0 + 1 })
    expect(try value(a) { x, _ in try x - 1 }, a.map { $0 - 1 })
    expect(try value(a) { x, _ in try x * 3 }, a.map { $0 * 3 })
    expect(try value(a) { x, _ in try x / 3 }, a.map { $0 / 3 })
    expect(try value(a) { x, _ in try 1 + x }, a.map { 1 + $0 })
    expect(try value(a) { x, _ in try 1 - x }, a.map { 1 - $0 })
    expect(try value(a) { x, _ in try 3 * x }, a.map { 3 * $0 })
    expect(try value(a) { x, _ in try 3 / x }, a.map { 3 / $0 })
    expect(
      try value(a, b) { x, y in try (x * y + 2) / (1 + abs(x)) - y },
      zip(a, b).map { ($0 * $1 + 2) / (1 + Swift.abs($0)) - $1 })
  }

  @Test func functionsWorkOnEachElement() throws {
    expect(try value(a) { x, _ in try tanh(x) }, a.map { Foundation.tanh($0) })
    expect(try value(a) { x, _ in try exp(x) }, a.map { Foundation.exp($0) })
    expect(try value(a) { x, _ in try log(x * x) }, a.map { Foundation.log($0 * $0) })
    expect(try value(a) { x, _ in try sqrt(abs(x)) }, a.map { Swift.abs($0).squareRoot() })
    expect(
      try value(a) { x, _ in try sin(x) + cos(x) },
      a.map { Foundation.sin($0) + Foundation.cos($0) })
    expect(try value(a) { x, _ in try sigmoid(x) }, a.map { 1 / (1 + Foundation.exp(-$0)) })
    expect(try value(a) { x, _ in try relu(x) }, a.map { max($0, 0) })
    expect(
      try value(a) { x, _ in try softplus(x) }, a.map { Foundation.log(1 + Foundation.exp($0)) })
    expect(try value(a) { x, _ in try pow(x, 2) }, a.map { $0 * $0 })
    expect(
      try value([1, 4, 9], [0.5, 2, 1.5]) { try pow($0, $1) }, [1, 16, 27])
  }

  @Test func reductionsProductsAndChoices() throws {
    let six = [1, 2, 3, 4, 5, 6.0]
    expect(try value(six, shape: [2, 3]) { x, _ in try sum(x) }, [21])
    expect(try value(six, shape: [2, 3]) { x, _ in try mean(x, axes: [1]) }, [2, 5])
    expect(try value(six, shape: [2, 3]) { x, _ in try maximum(x, axes: [0]) }, [4, 5, 6])
    expect(
      try value(six, shape: [2, 3]) { x, _ in try x - mean(x, axes: [-1], keepsAxes: true) },
      [-1, 0, 1, -1, 0, 1])
    expect(try value(six, [1, 0, -1], shape: [2, 3]) { try matmul($0, $1) }, [-2, -2])
    let exps = a.map { Foundation.exp($0) }
    let total = exps.reduce(0, +)
    expect(try value(a) { x, _ in try softmax(x) }, exps.map { $0 / total })
    expect(try value(a) { x, _ in try logSoftmax(x) }, exps.map { Foundation.log($0 / total) })
    expect(try value(a, b) { try select($0 .> $1, $0, $1) }, zip(a, b).map(max))
    expect(try value(a) { x, _ in try select(x .< 0, 0 * x, x) }, a.map { max($0, 0) })
    expect(
      try value(a) { x, _ in
        try x * oneHot(x.builder.integers([2, 0, 1]), classes: 3, .float64)
      }, [0, 0, 2, 0.5, 0, 0, 0, -1.5, 0])
  }

  @Test func aNumberTakesTheElementTypeOfTheSignal() throws {
    for type in [ElementType.float16, .bfloat16, .float64, .int32, .int64] {
      let m = ModelBuilder()
      let x = try m.input("x", ["N"], type)
      #expect(try (2 * x + 1).elementType == type)
    }
  }

  @Test func whatDoesNotFitIsRefused() throws {
    func reason(_ body: () throws -> Signal) -> String {
      do {
        _ = try body()
        return "nothing"
      } catch { return "\(error)" }
    }
    let m = ModelBuilder()
    let x = try m.input("x", ["N", 3])
    let labels = try m.input("labels", ["N"], .int64)
    let other = try ModelBuilder().input("y", ["N", 3])
    #expect(reason { try x + labels }.contains("Add"))
    #expect(reason { try labels * 0.5 } == "0.5 is not a number of type int64")
    #expect(reason { try x * other } == "the value 'y' belongs to another model")
    let wide = try m.input("wide", [2, 3])
    #expect(reason { try matmul(wide, wide) }.contains("MatMul"))
    let flag = try x .> 0
    #expect(reason { try flag + 1 } == "there are no constant numbers of type bool")
  }
}
