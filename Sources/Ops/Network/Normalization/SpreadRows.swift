import ONNXFormat
import ONNXOperators
import ONNXProducts
import RealModule

/// An input that broadcasts to input 0, read in rows of the size that input 0 is normalized in.
struct SpreadRows<C: RowElement>: Sendable {
  private let input: Int
  private let data: RealRows<C>
  /// Sizes of input 0, and the input's strides along them.
  private let axes: [(size: Int, stride: Int)]
  /// Elements of a row.
  private let size: Int
  /// Elements after which the input repeats: one row, or all of input 0.
  private let period: Int
  /// Whether the elements can be used where they lie.
  private let isDirect: Bool

  /// - Parameter size: elements of a row, the product of the last sizes of input 0
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

  /// Elements of the memory that `spread` fills.
  var room: Int { isDirect ? 0 : period.vectors }

  /// Writes one period, broadcast and converted.
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

  /// The elements for row `index` of input 0.
  func row(
    _ index: Int, _ buffers: Buffers, _ memory: UnsafeMutablePointer<C>
  ) -> UnsafePointer<C> {
    let offset = period == size ? 0 : index * size
    return isDirect ? buffers.input(input, as: C.self) + offset : UnsafePointer(memory) + offset
  }
}
