// swift-tools-version: 6.1
import PackageDescription

// `ONNX_SIMD=portable|avx2|avx512` builds the kernels for that instruction set alone; by default
// they are built for all, and the CPU's best is chosen when the program starts, or a lesser one that
// the environment variable ONNX_SIMD_LEVEL names.
let instructionSets = ["portable", "avx2", "avx512"]
var kernelSettings: [CSetting] = []
if let wanted = Context.environment["ONNX_SIMD"], !wanted.isEmpty {
  guard let level = instructionSets.firstIndex(of: wanted) else {
    fatalError("ONNX_SIMD: expected one of \(instructionSets), got '\(wanted)'")
  }
  kernelSettings.append(.define("CK_LEVEL", to: "\(level)"))
}

let package = Package(
  name: "swift-onnx",
  products: [
    .library(name: "ONNX", targets: ["ONNX"]),
    .library(name: "ONNXImages", targets: ["ONNXImages"]),
    .library(name: "ONNXC", type: .dynamic, targets: ["ONNXC"]),
    .executable(name: "onnx-run", targets: ["onnx-run"]),
    .executable(name: "onnx-train", targets: ["onnx-train"]),
    .library(name: "ONNXConversion", targets: ["ONNXConversion"]),
    .executable(name: "onnx-convert", targets: ["onnx-convert"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-numerics", from: "1.1.1"),
  ],
  targets: [
    // C: protoc-c's output, loops that need instruction-set dispatch, thin shims over C libraries.
    .target(
      name: "COnnx", exclude: ["onnx.proto"], linkerSettings: [.linkedLibrary("protobuf-c")]),
    .target(
      name: "CKernels", cSettings: kernelSettings, linkerSettings: [.linkedLibrary("m")]),
    // Opens libopenblas when it is first used.
    .target(name: "COpenBLAS"),
    .target(name: "CZlib", linkerSettings: [.linkedLibrary("z")]),
    .target(
      name: "CImages", linkerSettings: [.linkedLibrary("png"), .linkedLibrary("jpeg")]),

    .target(
      name: "ONNXFormat",
      dependencies: [
        "COnnx", "CZlib", .product(name: "Numerics", package: "swift-numerics"),
      ],
      path: "Sources/Format"),
    .target(
      name: "ONNXOps",
      dependencies: [
        "ONNXFormat", "CKernels", "COpenBLAS",
        .product(name: "Numerics", package: "swift-numerics"),
      ],
      path: "Sources/Ops"),
    .target(
      name: "ONNXInterpreter",
      dependencies: ["ONNXFormat", "ONNXOps", .product(name: "Logging", package: "swift-log")],
      path: "Sources/Interpreter"),
    .target(
      name: "ONNXTraining",
      dependencies: [
        "ONNXFormat", "ONNXOps", "ONNXInterpreter", "CZlib",
        .product(name: "Numerics", package: "swift-numerics"),
      ],
      path: "Sources/Training"),
    .target(
      name: "ONNX", dependencies: ["ONNXFormat", "ONNXOps", "ONNXInterpreter", "ONNXTraining"],
      path: "Sources/ONNX"),
    .target(name: "ONNXImages", dependencies: ["ONNX", "CImages"], path: "Sources/Images"),
    // The header of the C functions, and their implementation.
    .target(name: "COnnxInterface"),
    .target(name: "ONNXC", dependencies: ["COnnxInterface", "ONNX", "ONNXImages"]),
    .target(
      name: "ToolSupport",
      dependencies: [
        "ONNX", "ONNXImages", "COpenBLAS",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Numerics", package: "swift-numerics"),
      ]),
    .executableTarget(
      name: "onnx-run",
      dependencies: [
        "CKernels", "ONNX", "ONNXImages", "ToolSupport",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),
    .executableTarget(
      name: "onnx-train",
      dependencies: [
        "ONNX", "ONNXImages", "ToolSupport",
        .product(name: "Numerics", package: "swift-numerics"),
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),
    .target(
      name: "ONNXConversion", dependencies: ["COnnx", "ONNX", "CZlib"],
      path: "Sources/Conversion"),
    .executableTarget(
      name: "onnx-convert",
      dependencies: [
        "ONNX", "ONNXConversion", "ToolSupport",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),

    .target(name: "TestFiles", path: "Tests/Files"),
    .testTarget(name: "FormatTests", dependencies: ["ONNX", "TestFiles"]),
    .testTarget(
      name: "ConversionTests",
      dependencies: ["ONNX", "ONNXConversion", "TestFiles", "ToolSupport"],
      exclude: ["Files", "Texts"]),
    .testTarget(
      name: "OpsTests", dependencies: ["CKernels", "ONNX", "ONNXImages"],
      exclude: ["SchemaHistory.txt"]),
    .target(name: "TestThreads", path: "Tests/Threads"),
    // Every reader of files, as tools/fuzz and FuzzTests call it.
    .target(
      name: "Readers", dependencies: ["ONNX", "ONNXConversion", "ONNXImages"],
      path: "Tests/Readers"),
    .testTarget(name: "FuzzTests", dependencies: ["Readers"]),
    .testTarget(name: "InterpreterTests", dependencies: ["ONNX", "TestThreads"]),
    .testTarget(name: "TrainingTests", dependencies: ["ONNX", "TestFiles"]),
    .testTarget(
      name: "ImagesTests", dependencies: ["ONNXImages"],
      exclude: ["Pictures", "write_pictures.py"]),
    .testTarget(
      name: "InterfaceTests", dependencies: ["COnnxInterface", "ONNX", "ONNXC", "TestThreads"]),
    // Counts what bound runs allocate. Only optimised code allocates nothing.
    .target(name: "AllocationCounter", path: "Tests/Allocations/CCounter"),
    .executableTarget(
      name: "allocations", dependencies: ["AllocationCounter", "ONNX"],
      path: "Tests/Allocations/Tool"),
    .testTarget(
      name: "ToolTests",
      dependencies: ["ONNX", "TestFiles", "ToolSupport", "onnx-run", "onnx-convert"],
      exclude: ["KnownFailures.txt"]),
  ],
  swiftLanguageModes: [.v6]
)
