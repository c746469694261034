// swift-tools-version: 6.1
import PackageDescription

/// A package that depends on this one by path, as a user's does: `swift run` in this folder.
let package = Package(
  name: "consumer",
  dependencies: [.package(name: "swift-onnx", path: "../..")],
  targets: [
    .executableTarget(
      name: "consumer",
      dependencies: [
        .product(name: "ONNX", package: "swift-onnx"),
        .product(name: "ONNXOperators", package: "swift-onnx"),
      ],
      plugins: [.plugin(name: "ONNXModels", package: "swift-onnx")])
  ],
  swiftLanguageModes: [.v6]
)
