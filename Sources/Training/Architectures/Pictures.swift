import ONNXFormat
import ONNXInterpreter

/// A model with pictures as the input `image`, `[N, channels, height, width]` from 0 to 1.
package protocol PictureModel: Architecture {
  var channels: Int { get set }
  var height: Int { get set }
  var width: Int { get set }
}

extension PictureModel {
  /// Channels, height and width.
  package var sizes: [Int] {
    get { [channels, height, width] }
    set { (channels, height, width) = (newValue[0], newValue[1], newValue[2]) }
  }

  /// Adds the input `image`.
  func picture(_ m: ModelBuilder) throws(ModelError) -> Signal {
    try m.input("image", ["N", .size(channels), .size(height), .size(width)])
  }
}

/// A picture classifier with the output `logits`, `[N, classes]`.
package protocol PictureClassifier: PictureModel {
  var classes: Int { get set }
  var layers: Sequential { get }
}

extension PictureClassifier {
  package func build(_ m: ModelBuilder) throws(ModelError) {
    try m.output("logits", layers(picture(m), in: m))
  }
}

/// A multilayer perceptron: fully connected layers with ReLU on the flattened picture.
package struct MLP: PictureClassifier {
  package var name: ArchitectureName { .mlp }
  package var channels = 1
  package var height = 28
  package var width = 28
  package var classes = 10
  package var hidden = [256, 128]
  package var dropout = 0.0

  /// - Parameter hidden: The units of each hidden layer; a single number for both of two layers, and
  ///   `nil` for 256 and 128.
  package init(hidden: [Int]? = nil) {
    if let hidden { self.hidden = hidden.count == 1 ? hidden + hidden : hidden }
  }

  package var layers: Sequential {
    Sequential {
      Flatten()
      for units in hidden {
        Dense(units)
        Relu()
        if dropout > 0 { Dropout(dropout) }
      }
      Dense(classes)
    }
  }
}

/// LeNet-5 (LeCun, Bottou, Bengio and Haffner, 1998) with tanh and average pooling. Unlike in the paper,
/// the second convolution is fully connected and the last layer is linear. It has 61,706 parameters for
/// pictures of 28 × 28 pixels, which the first convolution pads to 32 × 32.
package struct LeNet5: PictureClassifier {
  package var name: ArchitectureName { .lenet5 }
  package var channels = 1
  package var height = 28
  package var width = 28
  package var classes = 10
  /// Whether activations are ReLU and pools max pools.
  package var isModern = false
  /// Whether each window of the convolutions has its own weights.
  package var isLocal = false
  /// The pools, if the network is not modern.
  package var pool = LeNetPool.average2
  package init() {}

  package var layers: Sequential {
    let activation: any Layer = isModern ? Relu() : Tanh()
    let pool = isModern ? LeNetPool.max2.layer : pool.layer
    return Sequential {
      convolution(6, padding: 2).named("conv1")
      activation
      pool
      convolution(16).named("conv2")
      activation
      pool
      Flatten()
      Dense(120).named("fc1")
      activation
      Dense(84).named("fc2")
      activation
      Dense(classes).named("fc3")
    }
  }

  private func convolution(_ filters: Int, padding: Padding = 0) -> any Layer {
    isLocal
      ? LocallyConnected2D(filters, 5, padding: padding) : Conv2D(filters, 5, padding: padding)
  }
}

/// The pools of a LeNet-5, which halve the map: windows of 2 × 2 side by side, or of 3 × 3 that overlap.
public enum LeNetPool: String, Sendable, CaseIterable {
  /// The mean of 2 × 2 cells.
  case average2
  /// The mean of 3 × 3 cells.
  case average3
  /// The largest of 2 × 2 cells.
  case max2
  /// The largest of 3 × 3 cells.
  case max3

  fileprivate var layer: any Layer {
    switch self {
    case .average2: AveragePool2D(2)
    case .average3: AveragePool2D(3, stride: 2, padding: 1)
    case .max2: MaxPool2D(2)
    case .max3: MaxPool2D(3, stride: 2, padding: 1)
    }
  }
}

/// A small residual network like those for CIFAR-10 (He, Zhang, Ren and Sun, 2015): a convolution, then
/// stages of residual blocks, each of two convolutions with batch normalization. Each stage after the
/// first halves the picture.
package struct ResNetSmall: PictureClassifier {
  package var name: ArchitectureName { .resnetSmall }
  package var channels = 3
  package var height = 32
  package var width = 32
  package var classes = 10
  /// The filters of each stage.
  package var filters = [16, 32, 64]
  /// The number of blocks per stage.
  package var blocks = 1
  package init() {}

  package var layers: Sequential {
    Sequential {
      Self.convolution(filters.first ?? 16)
      BatchNorm()
      Relu()
      for (stage, count) in filters.enumerated() {
        for block in 0..<max(blocks, 1) {
          let before = block == 0 ? filters[max(stage - 1, 0)] : count
          Self.block(from: before, to: count, stride: stage > 0 && block == 0 ? 2 : 1)
            .named("stage\(stage + 1).block\(block + 1)")
          Relu()
        }
      }
      GlobalAveragePool()
      Dense(classes).named("head")
    }
  }

  private static func convolution(_ filters: Int, stride: Int = 1) -> Conv2D {
    Conv2D(
      filters, 3, stride: .all(stride), padding: 1, hasBias: false, weight: .heNormal)
  }

  private static func block(from before: Int, to filters: Int, stride: Int) -> Residual {
    Residual {
      convolution(filters, stride: stride)
      BatchNorm()
      Relu()
      convolution(filters)
      BatchNorm()
    } shortcut: {
      if before != filters || stride != 1 {
        Conv2D(filters, 1, stride: .all(stride), hasBias: false, weight: .heNormal)
        BatchNorm()
      }
    }
  }
}

/// An autoencoder. Outputs are `code`, `[N, code]`, and `reconstruction`, which has the shape of `image`.
package struct Autoencoder: PictureModel {
  package var name: ArchitectureName { .autoencoder }
  package var channels = 1
  package var height = 28
  package var width = 28
  package var hidden = [128, 64]
  package var code = 32
  package init() {}

  package func build(_ m: ModelBuilder) throws(ModelError) {
    let image = try picture(m)
    let encoder = Sequential {
      Flatten()
      for units in hidden {
        Dense(units)
        Relu()
      }
      Dense(code)
    }
    let decoder = Sequential {
      for units in hidden.reversed() {
        Dense(units)
        Relu()
      }
      Dense(channels * height * width)
      Sigmoid()
      Reshape([channels, height, width])
    }
    let narrow = try encoder.named("encoder")(image, in: m)
    try m.output("reconstruction", decoder.named("decoder")(narrow, in: m))
    try m.output("code", narrow)
  }
}
