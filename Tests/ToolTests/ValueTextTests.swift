import ONNX
import Testing
import ToolSupport

/// The elements of a tensor as text.
@Suite struct ValueTextTests {
  @Test func rowsStandInBrackets() {
    let matrix = Tensor(shape: [2, 3], [1, 22, 3, -4, 5, 6] as [Int64])
    #expect(matrix.elementText == "[[ 1 22  3]\n [-4  5  6]]")
    #expect(Tensor(2.5 as Float).elementText == "2.5")
    #expect(Tensor(shape: [0], [] as [Float]).elementText == "[]")
    #expect(Tensor(shape: [2], [true, false]).elementText == "[ true false]")
    #expect(Tensor(shape: [1], [1 / 3 as Double]).elementText == "[0.333333]")
  }

  @Test func blocksAreApart() {
    let cube = Tensor(shape: [2, 1, 2], [1, 2, 3, 4] as [Int32])
    #expect(cube.elementText == "[[[1 2]]\n\n [[3 4]]]")
  }

  @Test func manyElementsAreCut() {
    let long = Tensor(shape: [1001], (0..<1001).map(Int32.init))
    #expect(long.elementText == "[   0    1    2 ...  998  999 1000]")
  }

  @Test func theRunPrintsThem() throws {
    let folder = try Folder()
    let input = try folder.write([1, 2], [-1, 0.5] as [Float], to: "x.npy")
    let tool = try Tool(try folder.write(.relu()), "--input", input, "--values")
    #expect(tool.output.contains("\n[[0.  0.5]]\n"))
  }
}
