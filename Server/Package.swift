// swift-tools-version: 6.1
import PackageDescription

// A package of its own, so that nobody who depends on swift-onnx fetches or builds an HTTP server.
let package = Package(
  name: "onnx-serve",
  products: [.executable(name: "onnx-serve", targets: ["onnx-serve"])],
  // The protocol over gRPC. Without the trait, none of the packages for it is fetched or built.
  traits: ["GRPC"],
  dependencies: [
    .package(name: "swift-onnx", path: ".."),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.2"),
    .package(url: "https://github.com/apple/swift-nio-http2", from: "1.46.0"),
    .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
    .package(url: "https://github.com/grpc/grpc-swift-2", from: "2.4.3"),
    .package(url: "https://github.com/grpc/grpc-swift-nio-transport", from: "2.9.2"),
    .package(url: "https://github.com/grpc/grpc-swift-protobuf", from: "2.4.1"),
    .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
  ],
  targets: [
    // Models in a folder, their queues and batches, and the Open Inference Protocol over HTTP.
    .target(
      name: "Serving",
      dependencies: [
        .product(name: "Hummingbird", package: "hummingbird"),
        .product(name: "HummingbirdCore", package: "hummingbird"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "Metrics", package: "swift-metrics"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"),
        .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
        .product(name: "ONNX", package: "swift-onnx"),
        .product(name: "ONNXOperators", package: "swift-onnx"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
        .product(name: "GRPCCore", package: "grpc-swift-2", condition: .when(traits: ["GRPC"])),
        .product(
          name: "GRPCNIOTransportHTTP2Posix", package: "grpc-swift-nio-transport",
          condition: .when(traits: ["GRPC"])),
        .product(
          name: "GRPCProtobuf", package: "grpc-swift-protobuf", condition: .when(traits: ["GRPC"])),
        .product(
          name: "SwiftProtobuf", package: "swift-protobuf", condition: .when(traits: ["GRPC"])),
        .product(name: "NIOHTTP2", package: "swift-nio-http2", condition: .when(traits: ["GRPC"])),
      ],
      exclude: ["GRPC/open_inference.proto"]),
    // The pages that show a network at work, and what they ask the server for.
    .target(
      name: "Playground",
      dependencies: [
        "Serving",
        .product(name: "Hummingbird", package: "hummingbird"),
        .product(name: "ONNX", package: "swift-onnx"),
        .product(name: "ONNXConversion", package: "swift-onnx"),
        .product(name: "ONNXExplain", package: "swift-onnx"),
        .product(name: "ONNXImages", package: "swift-onnx"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
      ],
      resources: [.copy("Digits"), .copy("Web")]),
    .executableTarget(
      name: "onnx-serve",
      dependencies: [
        "Playground", "Serving",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "Logging", package: "swift-log"),
      ]),
    .testTarget(
      name: "ServingTests",
      dependencies: [
        "Serving", .product(name: "HummingbirdTesting", package: "hummingbird"),
        .product(name: "NIOEmbedded", package: "swift-nio"),
      ]),
    .testTarget(
      name: "PlaygroundTests",
      dependencies: ["Playground", .product(name: "HummingbirdTesting", package: "hummingbird")]),
  ],
  swiftLanguageModes: [.v6]
)
