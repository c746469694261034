import ONNXInterpreter

/// VGG (Simonyan and Zisserman, "Very deep convolutional networks for large-scale image recognition",
/// 2014): stages of convolutions of 3 × 3, each followed by a pool, and three fully connected layers
/// with dropout. The networks of 11, 16 and 19 layers have 132,863,336, 138,357,544 and 143,667,240
/// parameters.
package struct VGG: ClassicNetwork {
  package let name: ArchitectureName
  package var channels = 3
  package var height = 224
  package var width = 224
  package var classes = 1000
  package var scale = 1.0
  /// The number of convolutions of each stage.
  private let stages: [Int]

  private init(_ name: ArchitectureName, _ stages: [Int]) {
    self.name = name
    self.stages = stages
  }

  /// The paper's network A.
  package static let vgg11 = VGG(.vgg11, [1, 1, 2, 2, 2])
  /// The paper's network D.
  package static let vgg16 = VGG(.vgg16, [2, 2, 3, 3, 3])
  /// The paper's network E.
  package static let vgg19 = VGG(.vgg19, [2, 2, 4, 4, 4])

  package var stemFilters: Int { 64 }

  package var layers: Sequential {
    let unit = scaled(64)
    return Sequential {
      Sequential {
        for (stage, count) in stages.enumerated() {
          for _ in 0..<count {
            Self.convolution(unit << min(stage, 3), 3, padding: 1)
            Relu()
          }
          FittingMaxPool(2, stride: 2)
        }
      }.named("features")
      Flatten()
      Sequential {
        for _ in 0..<2 {
          Self.dense(64 * unit)
          Relu()
          Dropout(0.5)
        }
        Dense(classes)
      }.named("classifier")
    }
  }
}
