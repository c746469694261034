import ONNXFormat
import ONNXOperators
import ONNXProducts
import RealModule

/// An input that broadcasts to input 0, read row by row as input 0 is normalized.
struct SpreadRows<C: RowElement>: Sendable {
  private let input: Int
  private let data: RealRows<C>
  /// The sizes of input 0, and the strides of this input along them.
  private let axes: [(size: Int, stride: Int)]
  /// The number of elements in a row.
  private let size: Int
  /// The period of the broadcast input in elements: one row, or all of input 0.
  private let period: Int
  /// Whether the elements can be read in place.
  private let isDirect: Bool

  /// - Parameter size: the number of elements in a row: the product of the last sizes of input 0
  init(_ call: Preparation, _ input: Int, size: Int) throws(OperatorError) {
    self.input = input
    self.size = size
    data = try call.rows(input)
    let shape = try call.inputSizes(input)
    let target = try call.inputSizes(0)
    var axes: [(size: Int, stride: Int)] = []
    var stride = 1
    var inner = 1
    var isOneRow = true
    for (index, size) in target.reversed().enumerated() {
      let own = index < shape.count ? shape[shape.count - 1 - index] : 1
      if inner >= self.size && own != 1 { isOneRow = false }
      axes.insert((size, own == 1 ? 0 : stride), at: 0)
      stride *= own
      inner *= size
    }
    self.axes = axes
    period = isOneRow ? size : inner
    isDirect = data.room(1) == 0 && stride == period
  }

  /// The number of elements that `spread` writes.
  var room: Int { isDirect ? 0 : period.vectors }

  /// Broadcasts and converts one period.
  func spread(_ buffers: Buffers, _ memory: UnsafeMutablePointer<C>) {
    guard !isDirect else { return }
    let bytes = buffers.bytes(input: input)
    for place in 0..<period {
      var rest = place
      var source = 0
      for axis in axes.reversed() {
        source += rest % axis.size * axis.stride
        rest /= axis.size
      }
      var value = C(0)
      memory[place] = data.read(bytes, at: source, 1, room: &value)[0]
    }
  }

  /// The elements that belong to row `index` of input 0.
  func row(
    _ index: Int, _ buffers: Buffers, _ memory: UnsafeMutablePointer<C>
  ) -> UnsafePointer<C> {
    let offset = period == size ? 0 : index * size
    return isDirect ? buffers.input(input, as: C.self) + offset : UnsafePointer(memory) + offset
  }
}
