// swift-tools-version: 6.1
import PackageDescription

// `ONNX_SIMD=portable|avx2|avx512` builds the kernels for that instruction set alone; by default
// they are built for all, and the CPU's best is chosen when the program starts, or a lesser one that
// the environment variable ONNX_SIMD_LEVEL names, without VNNI.
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
    .library(name: "ONNXOperators", targets: ["ONNXOperators", "ONNXOps"]),
    .library(name: "ONNXImages", targets: ["ONNXImages", "ONNXOps"]),
    .library(name: "ONNXAudio", targets: ["ONNXAudio"]),
    .library(name: "ONNXExplain", targets: ["ONNXExplain", "ONNXOps"]),
    .library(name: "ONNXDistributed", targets: ["ONNXDistributed"]),
    .library(name: "ONNXScoring", targets: ["ONNXScoring"]),
    .library(name: "ONNXC", type: .dynamic, targets: ["ONNXC"]),
    .executable(name: "onnx-run", targets: ["onnx-run"]),
    .executable(name: "onnx-train", targets: ["onnx-train"]),
    .library(name: "ONNXConversion", targets: ["ONNXConversion"]),
    .executable(name: "onnx-convert", targets: ["onnx-convert"]),
    .plugin(name: "ONNXModels", targets: ["ONNXModels"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-numerics", from: "1.1.1"),
  ],
  targets: [
    // C: protoc-c's output, loops that need instruction-set dispatch, thin shims over C libraries.
    .target(
      name: "COnnx", exclude: ["onnx.proto"], linkerSettings: [.linkedLibrary("protobuf-c")]),
    .target(
      name: "CKernels", cSettings: kernelSettings, linkerSettings: [.linkedLibrary("m")]),
    // The function by which the interpreter gets the list of operators, without importing them.
    .target(name: "COperatorList"),
    // Opens libopenblas when it is first used.
    .target(name: "COpenBLAS"),
    // Opens libmpi when it is first used.
    .target(name: "COpenMPI"),
    // Opens DuckDB's library, which reads and writes Parquet files, when it is first used.
    .target(name: "CDuckDB"),
    .target(name: "CZlib", linkerSettings: [.linkedLibrary("z")]),
    .target(
      name: "CImages", linkerSettings: [.linkedLibrary("png"), .linkedLibrary("jpeg")]),

    .target(
      name: "ONNXFormat",
      dependencies: [
        "COnnx", "CZlib", .product(name: "Numerics", package: "swift-numerics"),
      ],
      path: "Sources/Format"),
    // The operators: what all build on, then a module for each kind, and the list of all.
    .target(
      name: "ONNXOperators",
      dependencies: [
        "ONNXFormat", "CKernels", "COperatorList",
        .product(name: "Numerics", package: "swift-numerics"),
      ],
      path: "Sources/Ops/Core"),
    .target(
      name: "ONNXProducts", dependencies: ["ONNXOperators", "COpenBLAS"],
      path: "Sources/Ops/Products"),
    .target(name: "ONNXMath", dependencies: ["ONNXOperators"], path: "Sources/Ops/Math"),
    .target(name: "ONNXShape", dependencies: ["ONNXOperators"], path: "Sources/Ops/Shape"),
    .target(name: "ONNXNetwork", dependencies: ["ONNXProducts"], path: "Sources/Ops/Network"),
    .target(name: "ONNXRecurrent", dependencies: ["ONNXProducts"], path: "Sources/Ops/Recurrent"),
    .target(name: "ONNXAttention", dependencies: ["ONNXProducts"], path: "Sources/Ops/Attention"),
    .target(name: "ONNXOther", dependencies: ["ONNXShape"], path: "Sources/Ops/Other"),
    // Operators outside the standard that onnxruntime and exporters write.
    .target(
      name: "ONNXContrib",
      dependencies: [
        "ONNXAttention", "ONNXMath", "ONNXNetwork", "ONNXOther", "ONNXProducts", "ONNXRecurrent",
        "ONNXShape",
      ],
      path: "Sources/Ops/Contrib"),
    .target(
      name: "ONNXOps",
      dependencies: [
        "ONNXAttention", "ONNXContrib", "ONNXMath", "ONNXNetwork", "ONNXOther", "ONNXProducts",
        "ONNXRecurrent", "ONNXShape",
      ],
      path: "Sources/Ops/All"),
    .target(
      name: "ONNXInterpreter",
      dependencies: ["ONNXFormat", "ONNXOperators"], path: "Sources/Interpreter"),
    // Random numbers, comparison of values, files: shared by the libraries and tools above.
    .target(
      name: "ONNXSupport",
      dependencies: ["ONNXFormat", .product(name: "Numerics", package: "swift-numerics")],
      path: "Sources/Support"),
    // Vocabularies, and language models that continue a text.
    .target(
      name: "ONNXText",
      dependencies: ["ONNXFormat", "ONNXOperators", "ONNXInterpreter", "ONNXSupport"],
      path: "Sources/Text"),
    .target(
      name: "ONNXDifferentiation",
      dependencies: ["ONNXFormat", "ONNXOperators", "ONNXInterpreter"],
      path: "Sources/Differentiation"),
    .target(
      name: "ONNXTraining",
      dependencies: [
        "ONNXFormat", "ONNXOperators", "ONNXInterpreter", "ONNXDifferentiation", "ONNXSupport",
        "ONNXText", "ONNXAudio", "CKernels", "CZlib",
        .product(name: "Numerics", package: "swift-numerics"),
      ],
      path: "Sources/Training"),
    // Training by the processes that mpirun starts.
    .target(
      name: "ONNXDistributed",
      dependencies: ["COpenMPI", "ONNXFormat", "ONNXSupport", "ONNXTraining"],
      path: "Sources/Distributed"),
    .target(
      name: "ONNX",
      dependencies: [
        "ONNXFormat", "ONNXOperators", "ONNXOps", "ONNXInterpreter", "ONNXDifferentiation",
        "ONNXSupport", "ONNXTraining",
      ],
      path: "Sources/ONNX"),
    .target(
      name: "ONNXImages", dependencies: ["ONNXFormat", "ONNXOperators", "CImages"],
      path: "Sources/Images"),
    // Recordings in .wav files.
    .target(
      name: "ONNXAudio",
      dependencies: ["ONNXFormat", .product(name: "Numerics", package: "swift-numerics")],
      path: "Sources/Audio"),
    // Charts, heat maps and sheets of tiles.
    .target(
      name: "ONNXPlots", dependencies: ["ONNXFormat", "ONNXImages", "ONNXSupport"],
      path: "Sources/Plots"),
    // What a model does inside: filters, feature maps, gates, gradients, and pictures of them.
    .target(
      name: "ONNXExplain",
      dependencies: [
        "ONNXFormat", "ONNXOperators", "ONNXInterpreter", "ONNXDifferentiation", "ONNXAudio",
        "ONNXImages", "ONNXPlots", "ONNXSupport", "ONNXText",
      ],
      path: "Sources/Explain"),
    // Runs and mutates test cases: folders of a model, inputs and expected outputs.
    .target(
      name: "ONNXCases",
      dependencies: [
        "ONNXFormat", "ONNXOperators", "ONNXDifferentiation", "ONNXInterpreter", "ONNXSupport",
      ],
      path: "Sources/Cases"),
    // Runs a model on the rows of tables and on folders of pictures.
    .target(
      name: "ONNXScoring",
      dependencies: [
        "CDuckDB", "ONNXFormat", "ONNXInterpreter", "ONNXSupport", "ONNXTraining",
      ],
      path: "Sources/Scoring"),
    // The header of the C functions, and their implementation.
    .target(name: "COnnxInterface", exclude: ["exports.map"]),
    .target(name: "ONNXC", dependencies: ["COnnxInterface", "ONNX", "ONNXImages"]),
    .target(
      name: "ToolSupport",
      dependencies: [
        "ONNXFormat", "ONNXOperators", "ONNXDifferentiation", "ONNXInterpreter", "ONNXImages",
        "ONNXAudio", "ONNXSupport", "ONNXText", "ONNXTraining", "COpenBLAS",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),
    .executableTarget(
      name: "onnx-run",
      dependencies: [
        "CKernels", "ONNXFormat", "ONNXOps", "ONNXInterpreter", "ONNXImages", "ONNXAudio",
        "ONNXText", "ONNXTraining", "ONNXExplain", "ONNXCases", "ONNXScoring", "ONNXSupport",
        "ToolSupport",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      resources: [.embedInCode("Compare/onnxruntime_values.py")]),
    .executableTarget(
      name: "onnx-train",
      dependencies: [
        "CKernels", "ONNX", "ONNXAudio", "ONNXConversion", "ONNXDistributed", "ONNXImages",
        "ONNXPlots", "ToolSupport",
        .product(name: "Numerics", package: "swift-numerics"),
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),
    .target(
      name: "ONNXConversion",
      dependencies: ["COnnx", "ONNX", "ONNXOperators", "ONNXSupport", "CZlib"],
      path: "Sources/Conversion"),
    .executableTarget(
      name: "onnx-convert",
      dependencies: [
        "ONNX", "ONNXConversion", "ToolSupport",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),
    // Gives each model in a target's folder a Swift type.
    .plugin(
      name: "ONNXModels", capability: .buildTool(), dependencies: ["onnx-model-types"]),
    .executableTarget(name: "onnx-model-types", dependencies: ["ONNXFormat"]),

    .target(name: "TestFiles", path: "Tests/Files"),
    .testTarget(name: "FormatTests", dependencies: ["ONNX", "TestFiles"]),
    .testTarget(
      name: "ModelTypesTests", dependencies: ["ONNX", "TestFiles", "onnx-model-types"]),
    .testTarget(
      name: "ConversionTests",
      dependencies: ["ONNX", "ONNXConversion", "ONNXOperators", "TestFiles", "ToolSupport"],
      exclude: ["Files", "Texts"]),
    .testTarget(
      name: "OpsTests",
      dependencies: ["CKernels", "ONNX", "ONNXImages", "ONNXOperators", "OperatorLaws"],
      exclude: ["SchemaHistory.txt"]),
    // The laws that every operator keeps.
    .target(name: "OperatorLaws", dependencies: ["ONNX", "ONNXOperators"], path: "Tests/Laws"),
    .testTarget(name: "ContribTests", dependencies: ["ONNX", "ONNXOperators", "OperatorLaws"]),
    .target(name: "TestThreads", dependencies: ["ONNXFormat"], path: "Tests/Threads"),
    // Ranks of distributed training as threads of one process.
    .target(name: "TestRanks", dependencies: ["ONNX", "TestThreads"], path: "Tests/Ranks"),
    // Every reader of files, as tools/fuzz and FuzzTests call it.
    .target(
      name: "Readers",
      dependencies: ["ONNX", "ONNXAudio", "ONNXConversion", "ONNXImages", "ONNXScoring"],
      path: "Tests/Readers"),
    .testTarget(name: "FuzzTests", dependencies: ["Readers"]),
    // What a program that imports ONNX uses: tensors and sessions.
    .testTarget(
      name: "LibraryTests",
      dependencies: [
        "ONNX", "ONNXFormat", "ONNXOperators",
        .product(name: "Numerics", package: "swift-numerics"),
      ]),
    .testTarget(name: "InterpreterTests", dependencies: ["ONNX", "ONNXOperators", "TestThreads"]),
    .testTarget(
      name: "TrainingTests", dependencies: ["ONNX", "ONNXAudio", "TestFiles", "TestRanks"],
      exclude: ["TorchvisionShapes.txt"]),
    .testTarget(
      name: "ImagesTests", dependencies: ["ONNX", "ONNXImages"],
      exclude: ["Pictures", "write_pictures.py"]),
    .testTarget(
      name: "AudioTests",
      dependencies: [
        "ONNXAudio", "TestFiles", .product(name: "Numerics", package: "swift-numerics"),
      ]),
    .testTarget(
      name: "InterfaceTests",
      dependencies: ["COnnxInterface", "ONNX", "ONNXC", "TestFiles", "TestThreads"]),
    // A rank of a training without a model: it measures the network, or dies as it is told to.
    .executableTarget(
      name: "rank-probe", dependencies: ["ONNX", "ONNXDistributed"], path: "Tests/RankProbe"),
    // Counts what bound runs allocate. Only optimised code allocates nothing.
    .target(name: "AllocationCounter", path: "Tests/Allocations/CCounter"),
    .executableTarget(
      name: "allocations", dependencies: ["AllocationCounter", "ONNX"],
      path: "Tests/Allocations/Tool"),
    .testTarget(
      name: "ToolTests",
      dependencies: [
        "ONNX", "ONNXAudio", "ONNXCases", "ONNXConversion", "ONNXExplain", "ONNXImages",
        "ONNXPlots", "ONNXScoring", "TestFiles",
        "ToolSupport", "onnx-run", "onnx-convert", "onnx-train", "rank-probe",
      ],
      exclude: ["KnownFailures.txt"]),
  ],
  swiftLanguageModes: [.v6]
)
