import CKernels

/// Estimates of the time of each kernel for a convolution, in multiplications at full speed per
/// image and group. The constants are measured.
struct ConvolutionCosts {
  private let geometry: ConvolutionGeometry
  private let layout: DirectLayout?
  private let outputs: Double
  private let maps: Double
  private let depth: Double

  /// - Parameter layout: the layout for windows that are read in place, if there is one
  init(_ geometry: ConvolutionGeometry, _ layout: DirectLayout? = nil) {
    self.geometry = geometry
    self.layout = layout
    outputs = Double(geometry.window.outputCount)
    maps = Double(geometry.maps)
    depth = Double(geometry.depth)
  }

  private func padded(_ count: Int, _ block: Int) -> Double {
    Double((count + block - 1) / block * block)
  }

  /// Products along channels: channels are padded to whole vectors, and the image and the results
  /// are transposed.
  var blocked: Double {
    let channels = padded(geometry.channels, ck_block_lanes())
    let maps = padded(geometry.maps, ck_block_lanes())
    let taps = Double(geometry.window.kernelCount)
    let read = min(Double(geometry.window.inputCount), outputs * taps)
    let multiplied = padded(geometry.channels, 4) * taps * maps
    return outputs * (multiplied * 1.03 + maps * 10) + read * channels * 8
  }

  /// Products of packed windows: windows are padded to whole panels.
  var packed: Double {
    let window = geometry.window
    let columns =
      Double(window.z.output) * Double(ck_panel_padded(window.y.output * window.x.output))
    return columns * depth * padded(geometry.maps, ck_panel_rows()) * 1.05
      + outputs * depth * (7 + 130 / Double(window.x.output))
  }

  /// Windows read in place: results between rows are wasted. Channels that are whole pages apart are
  /// slower to read.
  var inPlace: Double {
    guard let layout else { return .infinity }
    let places = Double(geometry.window.z.output) * Double(layout.places)
    let isFar = layout.plane > 1024 && geometry.maps > 16
    return places * depth * padded(geometry.maps, Int(CK_DIRECT_MAPS)) * (isFar ? 1.25 : 1.08)
      + places * maps * 15
  }

  /// Winograd's algorithm: the first term multiplies transformed tiles, the others transform the
  /// image and the results.
  private func winograd(_ size: Int) -> Double {
    let tiles =
      Double((geometry.window.y.output + size - 1) / size)
      * Double((geometry.window.x.output + size - 1) / size)
    let channels = padded(geometry.channels, ck_block_lanes())
    let maps = padded(geometry.maps, ck_block_lanes())
    return Double((size + 2) * (size + 2))
      * (tiles * (channels * maps * 1.03 + channels * 14 + maps * 10)
        + Self.weight * channels * maps)
  }

  /// The cost of reading a weight from memory.
  private static let weight = 6.0

  /// The tile size for which Winograd's algorithm is clearly faster than sums of products; `nil` if
  /// none is. Larger sizes have larger errors, so they must be clearly faster than smaller ones.
  var winogradSize: Int? {
    let sums = min(blocked, packed, inPlace) + Self.weight * depth * maps
    var best: (size: Int?, cost: Double) = (nil, 0.9 * sums)
    // For the largest size, transformed weights take seven times the memory of the weights.
    let isSmall = Int.work(geometry.maps, geometry.channels) <= 1 << 14
    for size in isSmall ? [2, 4, 6] : [2, 4] where winograd(size) < best.cost {
      best = (size, 0.92 * winograd(size))
    }
    return best.size
  }
}
