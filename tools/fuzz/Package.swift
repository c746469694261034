// swift-tools-version: 6.1
import PackageDescription

let readers = [
  "Model", "Session", "Changes", "Text", "JSON", "Values", "Arrays", "Safetensors", "Torch",
  "HDF5", "GGUF", "Pictures", "Sounds", "Data", "Tables",
]

/// One libFuzzer program for each reader of files; `tools/fuzz/run` builds and runs them.
let package = Package(
  name: "fuzz",
  products: readers.map { .executable(name: "Fuzz\($0)", targets: ["Fuzz\($0)"]) },
  dependencies: [.package(name: "swift-onnx", path: "../..")],
  targets: [
    // The code that FuzzTests runs too: a link to Tests/Readers.
    .target(
      name: "Readers",
      dependencies: ["ONNX", "ONNXAudio", "ONNXConversion", "ONNXImages", "ONNXScoring"].map {
        .product(name: $0, package: "swift-onnx")
      }),
    .target(name: "Fuzzing", dependencies: ["Readers"]),
  ] + readers.map { .executableTarget(name: "Fuzz\($0)", dependencies: ["Fuzzing"]) },
  swiftLanguageModes: [.v6]
)
