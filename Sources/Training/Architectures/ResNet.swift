import ONNXInterpreter

/// ResNet (He, Zhang, Ren and Sun, "Deep residual learning for image recognition", 2015): four stages of
/// residual blocks and global average pooling. The networks of 18 and 50 layers have 11,689,512 and
/// 25,557,032 parameters. As in torchvision, a bottleneck's stride is in its 3 × 3 convolution.
package struct ResNet: ClassicNetwork {
  package let name: ArchitectureName
  package var channels = 3
  package var height = 224
  package var width = 224
  package var classes = 1000
  package var scale = 1.0
  /// The number of blocks of each stage.
  private let stages: [Int]
  /// Whether a block has convolutions of 1 × 1, 3 × 3 and 1 × 1, the last with four times the filters,
  /// instead of two of 3 × 3.
  private let hasBottlenecks: Bool

  private init(_ name: ArchitectureName, _ stages: [Int], hasBottlenecks: Bool) {
    self.name = name
    self.stages = stages
    self.hasBottlenecks = hasBottlenecks
  }

  /// The network of 18 layers.
  package static let resnet18 = ResNet(.resnet18, [2, 2, 2, 2], hasBottlenecks: false)
  /// The network of 50 layers.
  package static let resnet50 = ResNet(.resnet50, [3, 4, 6, 3], hasBottlenecks: true)

  package var stemFilters: Int { 64 }

  package var layers: Sequential {
    let unit = scaled(64)
    return Sequential {
      stem(unit, 7, stride: 2, padding: 3, hasBias: false).named("conv1")
      BatchNorm().named("bn1")
      Relu()
      stemPool(FittingMaxPool(3, stride: 2, padding: 1))
      for (stage, count) in stages.enumerated() {
        Sequential {
          for block in 0..<count {
            ResNetBlock(
              filters: unit << stage, stride: stage > 0 && block == 0 ? 2 : 1,
              isBottleneck: hasBottlenecks)
          }
        }.named("layer\(stage + 1)")
      }
      GlobalAveragePool()
      Dense(classes).named("fc")
    }
  }
}

/// A residual block with torchvision's names.
private struct ResNetBlock: Layer {
  let filters: Int
  let stride: Int
  let isBottleneck: Bool

  func callAsFunction(
    _ x: Signal, in m: ModelBuilder
  ) throws(ModelError) -> Signal {
    let results = isBottleneck ? 4 * filters : filters
    let body = Sequential {
      convolution(filters, isBottleneck ? 1 : 3, stride: isBottleneck ? 1 : stride).named("conv1")
      BatchNorm().named("bn1")
      Relu()
      convolution(filters, 3, stride: isBottleneck ? stride : 1).named("conv2")
      BatchNorm().named("bn2")
      if isBottleneck {
        Relu()
        convolution(results, 1).named("conv3")
        BatchNorm().named("bn3")
      }
    }
    let y = try body(x, in: m)
    var shortcut = x
    let channels = try x.size(1, for: "ResNet")
    if stride != 1 || channels != results {
      shortcut = try Sequential {
        convolution(results, 1, stride: stride)
        BatchNorm()
      }.named("downsample")(x, in: m)
    }
    return try Relu()(m.add(y, shortcut), in: m)
  }

  private func convolution(_ filters: Int, _ kernel: Int, stride: Int = 1) -> Conv2D {
    ResNet.convolution(
      filters, kernel, stride: stride, padding: kernel / 2, hasBias: false)
  }
}
