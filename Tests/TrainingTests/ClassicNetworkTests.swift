import Foundation
import ONNX
import Testing

/// The networks of the ImageNet challenge.
@Suite struct ClassicNetworkTests {
  /// Names and shapes of the parameters and running statistics, and the number of parameters.
  private func shapes(
    _ network: any ClassicNetwork
  ) throws -> (shapes: [String: [Int]], count: Int) {
    var shapes: [String: [Int]] = [:]
    var count = 0
    for initializer in try network.outline().graph.initializers {
      let name = try #require(initializer.name)
      guard initializer.tensor.elementType == .float32 else { continue }
      shapes[name] = initializer.tensor.shape
      if !name.contains(".running_") { count += initializer.tensor.count }
    }
    return (shapes, count)
  }

  /// The numbers that follow from the papers' layers, and torchvision's.
  @Test func parameterCountsAreThePapers() throws {
    var tower = AlexNet()
    tower.hasOneTower = true
    var inception = GoogLeNet()
    inception.isOriginal = true
    let expected: [(any ClassicNetwork, Int)] = [
      (AlexNet(), 60_965_224), (tower, 61_100_840), (ZFNet(), 62_357_608),
      (VGG.vgg11, 132_863_336), (VGG.vgg16, 138_357_544), (VGG.vgg19, 143_667_240),
      (inception, 6_998_552), (GoogLeNet(), 6_624_904), (ResNet.resnet18, 11_689_512),
      (ResNet.resnet50, 25_557_032),
    ]
    for (network, count) in expected { #expect(try shapes(network).count == count) }
  }

  /// The numbers come from `tools/generate/torchvision_shapes.py`.
  @Test func namesAndShapesAreTorchvisions() throws {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("TorchvisionShapes.txt")
    var networks: [(name: String, count: Int, shapes: [String: [Int]])] = []
    for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n") {
      let words = line.split(separator: " ").map(String.init)
      if line.hasPrefix(" ") {
        networks[networks.count - 1].shapes[words[0]] = words[1].split(separator: ",").compactMap {
          Int($0)
        }
      } else {
        networks.append((words[0], try #require(Int(words[1])), [:]))
      }
    }
    #expect(networks.count == 7)
    for expected in networks {
      var network = try #require(ArchitectureName(rawValue: expected.name)?.classicNetwork)
      if var alexnet = network as? AlexNet {
        alexnet.hasOneTower = true
        network = alexnet
      }
      let found = try shapes(network)
      #expect(found.shapes == expected.shapes, "\(expected.name)")
      #expect(found.count == expected.count, "\(expected.name)")
    }
  }

  /// The sizes of the maps after each convolution and pool, from the papers.
  @Test func mapsHaveThePapersSizes() throws {
    let expected: [(any ClassicNetwork, [Int])] = [
      (AlexNet(), [55, 27, 27, 13, 13, 13, 13, 6]),
      (ZFNet(), [110, 55, 26, 13, 13, 13, 13, 6]),
      (VGG.vgg11, [224, 112, 112, 56, 56, 56, 28, 28, 28, 14, 14, 14, 7]),
    ]
    for (network, sizes) in expected { #expect(try mapSizes(network) == sizes) }
    #expect(try mapSizes(ResNet.resnet18).last == 7)
    #expect(try mapSizes(GoogLeNet()).last == 7)
  }

  /// For small pictures, the first layers keep the size, and pools that do not fit are left out.
  @Test func smallPicturesStayLargeEnough() throws {
    let expected: [(ArchitectureName, [Int])] = [
      (.alexnet, [28, 28, 13, 13, 13, 13, 6]), (.zfnet, [28, 12, 6, 6, 6, 6, 2]),
      (.vgg11, [28, 14, 14, 7, 7, 7, 3, 3, 3, 1, 1, 1]),
    ]
    for (name, sizes) in expected {
      var network = try #require(name.classicNetwork)
      (network.height, network.width) = (28, 28)
      #expect(try mapSizes(network) == sizes)
    }
    for (name, side) in [(ArchitectureName.resnet18, 4), (.resnet50, 4), (.googlenet, 4)] {
      var network = try #require(name.classicNetwork)
      (network.height, network.width) = (32, 32)
      #expect(try mapSizes(network).last == side)
    }
  }

  private func mapSizes(_ network: any ClassicNetwork) throws -> [Int?] {
    let model = try network.outline()
    var plain = SessionOptions()
    plain.passes = []
    let sizes = [1] + network.sizes
    let types = try Session(model, options: plain).types(shapes: ["image": sizes])
    return model.graph.nodes.filter { ["Conv", "MaxPool"].contains($0.operatorType) }
      .map { types[$0.outputs[0]]?.tensorType?.shape?.sizes?[2] }
  }

  @Test(arguments: ArchitectureName.allCases) func scalesAllLayersAlike(
    name: ArchitectureName
  ) throws {
    guard var network = name.classicNetwork else { return }
    let whole = try shapes(network).shapes
    network.scale = 0.5
    for (name, shape) in try shapes(network).shapes {
      let full = try #require(whole[name])
      // Halves of all axes but kernels, channels of the picture and classes.
      let isScaled = zip(full, shape).allSatisfy { $0 == $1 || $0 == 2 * $1 }
      #expect(isScaled && full != shape || shape == [1000], "\(name)")
    }
  }
}

/// Local response normalization.
@Suite struct LocalResponseNormTests {
  /// `1 / (2 + 0.3 / 3 · (1 + 4))^0.5` and so on.
  @Test func dividesByTheNeighboursSquares() throws {
    let layer = LocalResponseNorm(3, alpha: 0.3, beta: 0.5, bias: 2)
    let x = Tensor(shape: [1, 3, 1], [1, 2, 3] as [Float])
    let sums: [Float] = [5, 14, 13]
    let expected = zip([1, 2, 3] as [Float], sums).map { $0 / (2 + 0.1 * $1).squareRoot() }
    expectClose(try floats(output(of: layer, x)), expected)
  }
}
