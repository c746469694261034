import ONNX
import Testing
import ToolSupport

@Suite struct ComparisonTests {
  let tolerance = Tolerance(relative: 0.1, absolute: 0.5)

  private func differs<T: Element>(_ a: [T], _ b: [T], _ tolerance: Tolerance) -> Bool {
    difference(
      .tensor(Tensor(shape: [a.count], a)), from: .tensor(Tensor(shape: [b.count], b)), tolerance)
      != nil
  }

  @Test func allowsFloatsTheSumOfBothTolerances() {
    #expect(!differs([11.5] as [Float], [10], tolerance))
    #expect(differs([11.51] as [Float], [10], tolerance))
    #expect(!differs([8.5] as [Double], [10], tolerance))
    #expect(differs([8.49] as [Double], [10], tolerance))
    #expect(differs([-10] as [Float16], [10], tolerance))
  }

  @Test func takesNaNAndInfinityAsThemselvesOnly() {
    #expect(
      !differs([.nan, .infinity, -.infinity] as [Float], [.nan, .infinity, -.infinity], tolerance))
    #expect(differs([.nan] as [Float], [1], tolerance))
    #expect(differs([1] as [Float], [.nan], tolerance))
    #expect(differs([1e30] as [Float], [.infinity], tolerance))
    #expect(differs([.infinity] as [Float], [1e30], tolerance))
    #expect(differs([.infinity] as [Float], [-.infinity], tolerance))
  }

  @Test func measuresInUnitsOfTheLargest() {
    let tolerance = Tolerance(relative: 0, absolute: 0.01, isOfLargest: true)
    #expect(!differs([1.9, 100] as [Float], [1, 100], tolerance))
    #expect(differs([2.1, 100] as [Float], [1, 100], tolerance))
    #expect(differs([2.1, .infinity] as [Float], [1, .infinity], tolerance))
  }

  @Test func allowsBFloat16ItsLastBits() {
    let exact = Tolerance(relative: 0, absolute: 0)
    #expect(!differs([BFloat16(65)], [BFloat16(64)], exact))
    #expect(differs([BFloat16(66)], [BFloat16(64)], exact))
  }

  @Test func wantsAllElseEqual() {
    #expect(differs([1] as [Int64], [2], tolerance))
    #expect(differs([true], [false], tolerance))
    #expect(differs(["a"], ["b"], tolerance))
    #expect(!differs(["a"], ["a"], tolerance))
  }

  @Test func saysWhichElementDiffersFirst() {
    let found = difference(
      .tensor(Tensor(shape: [2, 2], [1, 2, 3, 4] as [Float])),
      from: .tensor(Tensor(shape: [2, 2], [1, 2, 5, 6] as [Float])),
      Tolerance(relative: 0, absolute: 0))
    #expect(found == "2 of 4 elements differ, first at [1, 0]: expected 5, got 3")
  }

  @Test func wantsTheSameKindTypeAndShape() {
    let tensor = Value.tensor(Tensor(shape: [1, 2], [1, 2] as [Float]))
    let other = Value.tensor(Tensor(shape: [2], [1, 2] as [Float]))
    #expect(difference(tensor, from: other, tolerance) == "expected float32[2], got float32[1,2]")
    let double = Value.tensor(Tensor(shape: [1, 2], [1, 2] as [Double]))
    #expect(difference(tensor, from: double, tolerance) != nil)
    let sequence = Value.sequence(SequenceValue([tensor]))
    #expect(difference(tensor, from: sequence, tolerance) != nil)
    #expect(difference(sequence, from: sequence, tolerance) == nil)
    #expect(difference(sequence, from: .sequence(SequenceValue([])), tolerance) != nil)
    #expect(difference(.optional(nil, type: nil), from: tensor, tolerance) != nil)
    #expect(difference(.optional(tensor, type: nil), from: tensor, tolerance) == nil)
    #expect(
      difference(.optional(nil, type: nil), from: .optional(nil, type: nil), tolerance) == nil)
  }

  @Test func readsToleranceFiles() throws {
    #expect(
      try Tolerance(parsing: "1e-3 1e-7\n") == Tolerance(relative: 1e-3, absolute: 1e-7))
    #expect(
      try Tolerance(parsing: "0 1e-5 max")
        == Tolerance(relative: 0, absolute: 1e-5, isOfLargest: true))
    for text in ["", "1", "a b", "1 2 3", "-1 0", "1 2 max 4"] {
      #expect(throws: Failure.self) { try Tolerance(parsing: text) }
    }
  }
}
