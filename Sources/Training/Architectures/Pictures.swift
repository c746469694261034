import ONNXFormat
import ONNXInterpreter

/// Reads pictures: `image`, `[N, channels, height, width]` with pixels from 0 to 1, becomes `logits`,
/// `[N, classes]`.
public protocol PictureClassifier: Architecture {
  var channels: Int { get }
  var height: Int { get }
  var width: Int { get }
  var layers: Sequential { get }
}

extension PictureClassifier {
  public func build(_ m: inout ModelBuilder) throws(ModelError) {
    let image = try m.input(
      "image", ["N", .size(channels), .size(height), .size(width)])
    try m.output("logits", layers(image, in: &m))
  }
}

/// A perceptron: hidden layers of ReLU on the flattened picture.
public struct MLP: PictureClassifier {
  public static let name = "mlp"
  public var channels = 1
  public var height = 28
  public var width = 28
  public var classes = 10
  public var hidden = [256, 128]
  public var dropout = 0.0
  public init() {}

  public var layers: Sequential {
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

/// LeNet-5 (LeCun, Bottou, Bengio and Haffner, 1998): tanh and average pooling as there; full
/// connections in the second convolution, and a plain linear last layer. 61,706 parameters for
/// pictures of 28 × 28, which the first convolution pads to 32 × 32.
public struct LeNet5: PictureClassifier {
  public static let name = "lenet5"
  public var channels = 1
  public var height = 28
  public var width = 28
  public var classes = 10
  /// ReLU and the largest of each window in place of tanh and the mean.
  public var isModern = false
  public init() {}

  public var layers: Sequential {
    let activation: any Layer = isModern ? Relu() : Tanh()
    let pool: any Layer = isModern ? MaxPool2D(2) : AveragePool2D(2)
    return Sequential {
      Conv2D(6, 5, padding: 2).named("conv1")
      activation
      pool
      Conv2D(16, 5).named("conv2")
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
}

/// A small residual network in the manner of those for CIFAR-10 (He, Zhang, Ren and Sun, 2015):
/// a convolution, then stages of blocks of two convolutions with batch normalization; each stage
/// after the first halves the picture.
public struct ResNetSmall: PictureClassifier {
  public static let name = "resnet-small"
  public var channels = 3
  public var height = 32
  public var width = 32
  public var classes = 10
  /// Filters of each stage.
  public var filters = [16, 32, 64]
  /// Blocks in each stage.
  public var blocks = 1
  public init() {}

  public var layers: Sequential {
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

/// Squeezes digits through a narrow layer and draws them again: `image`, `[N, 1, 28, 28]` with
/// pixels from 0 to 1, becomes `reconstruction` of the same shape; `code` is `[N, code]`.
public struct Autoencoder: Architecture {
  public static let name = "autoencoder"
  public var channels = 1
  public var height = 28
  public var width = 28
  public var hidden = [128, 64]
  public var code = 32
  public init() {}

  public func build(_ m: inout ModelBuilder) throws(ModelError) {
    let image = try m.input(
      "image", ["N", .size(channels), .size(height), .size(width)])
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
    let narrow = try encoder.named("encoder")(image, in: &m)
    try m.output("reconstruction", decoder.named("decoder")(narrow, in: &m))
    try m.output("code", narrow)
  }
}
