import ONNXInterpreter

/// AlexNet (Krizhevsky, Sutskever and Hinton, 2012): five convolutions, three of them in two groups
/// that were on a GPU each, response normalization, overlapping pools, and three fully connected layers
/// with dropout. It has 60,965,224 parameters.
package struct AlexNet: ClassicNetwork {
  package var name: ArchitectureName { .alexnet }
  package var channels = 3
  package var height = 224
  package var width = 224
  package var classes = 1000
  package var scale = 1.0
  /// Whether the network is the one of Krizhevsky, "One weird trick for parallelizing convolutional
  /// neural networks" (2014), as in torchvision: no groups, no response normalization, other numbers of
  /// filters, 61,100,840 parameters.
  package var hasOneTower = false
  package init() {}

  package var stemFilters: Int { hasOneTower ? 64 : 96 }

  package var layers: Sequential {
    let groups = hasOneTower ? 1 : 2
    let unit = scaled(32, divisor: 2)
    let filters = (hasOneTower ? [2, 6, 12, 8, 8] : [3, 8, 12, 12, 8]).map { $0 * unit }
    return Sequential {
      Sequential {
        stem(filters[0], 11, stride: 4, padding: 2)
        activation(normalizes: !hasOneTower)
        stemPool(FittingMaxPool(3, stride: 2))
        Self.convolution(filters[1], 5, padding: 2, groups: groups)
        activation(normalizes: !hasOneTower)
        FittingMaxPool(3, stride: 2)
        Self.convolution(filters[2], 3, padding: 1)
        Relu()
        Self.convolution(filters[3], 3, padding: 1, groups: groups)
        Relu()
        Self.convolution(filters[4], 3, padding: 1, groups: groups)
        Relu()
        FittingMaxPool(3, stride: 2)
      }.named("features")
      Flatten()
      classifier(128 * unit).named("classifier")
    }
  }
}

/// ZFNet (Zeiler and Fergus, "Visualizing and understanding convolutional networks", 2013): AlexNet in
/// one tower with a smaller window and stride in the first layers. It has 62,357,608 parameters.
package struct ZFNet: ClassicNetwork {
  package var name: ArchitectureName { .zfnet }
  package var channels = 3
  package var height = 224
  package var width = 224
  package var classes = 1000
  package var scale = 1.0
  package init() {}

  package var stemFilters: Int { 96 }

  package var layers: Sequential {
    let unit = scaled(32)
    return Sequential {
      Sequential {
        stem(3 * unit, 7, stride: 2, padding: 1)
        Relu()
        stemPool(FittingMaxPool(3, stride: 2, padding: 1))
        normalization
        Self.convolution(8 * unit, 5, stride: 2)
        Relu()
        FittingMaxPool(3, stride: 2, padding: 1)
        normalization
        Self.convolution(12 * unit, 3, padding: 1)
        Relu()
        Self.convolution(12 * unit, 3, padding: 1)
        Relu()
        Self.convolution(8 * unit, 3, padding: 1)
        Relu()
        FittingMaxPool(3, stride: 2)
      }.named("features")
      Flatten()
      classifier(128 * unit).named("classifier")
    }
  }
}

extension ClassicNetwork {
  /// `b = a / (2 + 10⁻⁴ Σ a²)^0.75` over five channels, with ONNX's division of the factor by five.
  fileprivate var normalization: LocalResponseNorm {
    LocalResponseNorm(5, alpha: 5e-4, beta: 0.75, bias: 2)
  }

  fileprivate func activation(normalizes: Bool) -> any Layer {
    guard normalizes else { return Relu() }
    return Sequential {
      Relu()
      normalization
    }
  }

  fileprivate func classifier(_ units: Int) -> Sequential {
    Sequential {
      Dropout(0.5)
      Self.dense(units)
      Relu()
      Dropout(0.5)
      Self.dense(units)
      Relu()
      Dense(classes)
    }
  }
}
