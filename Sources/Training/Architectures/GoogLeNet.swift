import ONNXInterpreter

/// GoogLeNet (Szegedy and others, "Going deeper with convolutions", 2014) without its auxiliary
/// classifiers: nine inception modules, each of four paths from windows of different sizes, and global
/// average pooling. The default is torchvision's form, with batch normalization and 6,624,904
/// parameters.
package struct GoogLeNet: ClassicNetwork {
  package var name: ArchitectureName { .googlenet }
  package var channels = 3
  package var height = 224
  package var width = 224
  package var classes = 1000
  package var scale = 1.0
  /// Whether the network is the paper's: biases and response normalization instead of batch
  /// normalization, windows of 5 × 5 where torchvision has 3 × 3, 6,998,552 parameters.
  package var isOriginal = false
  package init() {}

  package var stemFilters: Int { 64 }

  /// The filters of the modules 3a to 5b in eighths: of the 1 × 1 path, the reduction and result of the
  /// 3 × 3 path, the same of the 5 × 5 path, and the projection of the pool. `nil` is a pool.
  private static let modules: [(name: String, filters: [Int])?] = [
    ("3a", [8, 12, 16, 2, 4, 4]), ("3b", [16, 16, 24, 4, 12, 8]), nil,
    ("4a", [24, 12, 26, 2, 6, 8]), ("4b", [20, 14, 28, 3, 8, 8]), ("4c", [16, 16, 32, 3, 8, 8]),
    ("4d", [14, 18, 36, 4, 8, 8]), ("4e", [32, 20, 40, 4, 16, 16]), nil,
    ("5a", [32, 20, 40, 4, 16, 16]), ("5b", [48, 24, 48, 6, 16, 16]),
  ]

  package var layers: Sequential {
    let unit = scaled(8)
    let normalization = LocalResponseNorm(5, alpha: 1e-4, beta: 0.75, bias: 1)
    return Sequential {
      block(stem(8 * unit, 7, stride: 2, padding: 3, hasBias: isOriginal)).named("conv1")
      stemPool(FittingMaxPool(3, stride: 2, roundsUp: true))
      if isOriginal { normalization }
      block(convolution(8 * unit, 1)).named("conv2")
      block(convolution(24 * unit, 3)).named("conv3")
      if isOriginal { normalization }
      FittingMaxPool(3, stride: 2, roundsUp: true)
      for (index, module) in Self.modules.enumerated() {
        if let (name, filters) = module {
          inception(filters.map { $0 * unit }).named("inception\(name)")
        } else {
          FittingMaxPool(index == 2 || isOriginal ? 3 : 2, stride: 2, roundsUp: true)
        }
      }
      GlobalAveragePool()
      Dropout(isOriginal ? 0.4 : 0.2)
      Dense(classes).named("fc")
    }
  }

  private func convolution(_ filters: Int, _ kernel: Int) -> Conv2D {
    Self.convolution(filters, kernel, padding: kernel / 2, hasBias: isOriginal)
  }

  private func block(_ convolution: Conv2D) -> Sequential {
    Sequential {
      convolution.named("conv")
      if !isOriginal { BatchNorm(epsilon: 1e-3).named("bn") }
      Relu()
    }
  }

  private func inception(_ filters: [Int]) -> Parallel {
    Parallel {
      block(convolution(filters[0], 1)).named("branch1")
      Sequential {
        block(convolution(filters[1], 1))
        block(convolution(filters[2], 3))
      }.named("branch2")
      Sequential {
        block(convolution(filters[3], 1))
        block(convolution(filters[4], isOriginal ? 5 : 3))
      }.named("branch3")
      Sequential {
        MaxPool2D(3, stride: 1, padding: 1)
        block(convolution(filters[5], 1))
      }.named("branch4")
    }
  }
}
