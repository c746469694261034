/// A kind of file that is not an ONNX model, such as a Keras file or a saved web page: its name, how
/// its content tells it, and what its owner can do.
package struct ForeignFile: Sendable {
  /// The name with its article: `a Keras (HDF5) file`.
  package var name: String
  /// A clause for someone who expects a model.
  package var advice: String
  /// A clause for someone who expects weights; `nil` for a format whose weights are read.
  package var weightAdvice: String?
  /// Whether content is of this kind.
  let matches: @Sendable (ForeignContent) -> Bool

  /// - Parameter weights: the clause for someone who expects weights; by default `advice`
  init(
    _ name: String, _ advice: String, weights: String? = nil, isReadable: Bool = false,
    _ matches: @escaping @Sendable (ForeignContent) -> Bool
  ) {
    self.name = name
    self.advice = advice
    self.weightAdvice = isReadable ? nil : weights ?? advice
    self.matches = matches
  }

  private static let download = "download the file itself"
  private static let original = "use the ONNX file or the framework's model that it was made from"
  private static let toWeights =
    "its weights can be read: onnx-convert FILE weights.safetensors, or onnx-convert --graph "
    + "model.onnx FILE bound.onnx"
  private static let fromTensorFlow =
    "convert it with tf2onnx: python -m tf2onnx.convert"
  private static let unpack = "unpack it first"

  /// The kinds, in the order in which content is compared with them. `FILE` in a clause stands for the
  /// path.
  static let known: [ForeignFile] = [
    // Models of other frameworks.
    .init(
      "a Keras (HDF5) file",
      toWeights + "; the whole model: Keras' model.export(\"model.onnx\", format=\"onnx\")",
      isReadable: true
    ) { $0.isHDF5 },
    .init(
      "a Keras archive (.keras)",
      toWeights + "; the whole model: Keras' model.export(\"model.onnx\", format=\"onnx\")",
      isReadable: true
    ) { $0.entries.contains("model.weights.h5") },
    .init(
      "a TensorFlow Lite model", "\(fromTensorFlow) --tflite FILE --output model.onnx"
    ) { $0.has("TFL3", at: 4) },
    .init(
      "a model in onnxruntime's ORT format",
      "ORT files do not convert back; use the ONNX file that it was made from"
    ) { $0.has("ORTM", at: 4) },
    .init("an ExecuTorch program", original) { $0.has("ET12", at: 4) || $0.has("ET13", at: 4) },
    .init("a GGUF file", toWeights, isReadable: true) { $0.has("GGUF", at: 0) },
    .init("a GGML file, the predecessor of GGUF", "convert it to GGUF with llama.cpp's scripts") {
      $0.has("lmgg", at: 0) || $0.has("tjgg", at: 0) || $0.has("fmgg", at: 0)
    },
    .init(
      "a safetensors file, which holds weights and no graph", toWeights, isReadable: true
    ) { $0.isSafetensors },
    .init(
      "a TorchScript archive",
      "export it: torch.onnx.export(torch.jit.load(\"FILE\"), inputs, \"model.onnx\", dynamo=False)",
      weights:
        "save its weights: torch.save(torch.jit.load(\"FILE\").state_dict(), \"weights.pt\")"
    ) { $0.hasEntry(endingIn: "constants.pkl") && $0.hasEntry(containing: "code/") },
    .init(
      "a torch.export archive (.pt2)",
      "export it: torch.onnx.export(torch.export.load(\"FILE\"), f=\"model.onnx\", dynamo=True); "
        + toWeights, isReadable: true
    ) {
      $0.hasEntry(endingIn: "serialized_exported_program.json")
        || $0.hasEntry(endingIn: "archive_format") && $0.hasEntry(containing: "models/")
    },
    .init(
      "a PyTorch checkpoint",
      "export the module: torch.onnx.export(module, inputs, \"model.onnx\"); \(toWeights)",
      isReadable: true
    ) { $0.hasEntry(endingIn: "data.pkl") || $0.isTorchPickle },
    .init(
      "a Python pickle",
      "export the object from Python, with skl2onnx for scikit-learn or torch.onnx.export for "
        + "PyTorch",
      weights: "load it in Python and save the arrays with numpy.savez or safetensors"
    ) { $0.isPickle },
    .init(
      "a Core ML package", "Core ML files do not convert to ONNX; \(original)"
    ) { $0.entries.contains("Manifest.json") && $0.hasEntry(containing: "com.apple.CoreML/") },
    .init("a Core ML model", "Core ML files do not convert to ONNX; \(original)") { $0.isCoreML },
    .init("a TensorFlow SavedModel's graph", "\(fromTensorFlow) --saved-model FOLDER") {
      $0.isSavedModel
    },
    .init(
      "a frozen TensorFlow graph (GraphDef)",
      "\(fromTensorFlow) --graphdef FILE --inputs NAME:0 --outputs NAME:0 --output model.onnx"
    ) { $0.isGraphDef },
    .init("a TensorFlow.js model", "convert the model that it was made from with tf2onnx") {
      $0.isJSON(with: "modelTopology") || $0.isJSON(with: "\"layers-model\"")
    },
    .init(
      "a TensorRT engine", "engines run on the GPU that built them and hold no graph; \(original)"
    ) { content in
      [0, 24].contains { content.has("ftrt", at: $0) || content.has("ptrt", at: $0) }
    },
    .init("an RKNN model", original) { $0.has("RKNN", at: 0) },
    .init(
      "an OpenVINO model (IR)", "OpenVINO files do not convert to ONNX; \(original)"
    ) { $0.startsText("<?xml") && $0.text.contains("<net ") || $0.startsText("<net ") },
    .init("the weights of an OpenVINO model (IR)", original) { $0.isOpenVINOData },
    .init("an ncnn model", original) { $0.startsText("7767517") },
    .init("a CatBoost model", "save it as ONNX: model.save_model(\"model.onnx\", format=\"onnx\")")
    { $0.has("CBM1", at: 0) },
    .init("a LightGBM model", "convert it with onnxmltools.convert_lightgbm") {
      $0.startsText("tree\nversion=")
    },
    .init("an XGBoost model", "convert it with onnxmltools.convert_xgboost") {
      $0.isJSON(with: "\"learner\"")
    },
    .init("an MXNet graph", "convert it with MXNet's onnx.export_model") {
      $0.isJSON(with: "\"arg_nodes\"")
    },
    .init("a Hugging Face configuration", "give the .onnx file of that folder") {
      $0.isJSON(with: "\"model_type\"") || $0.isJSON(with: "\"tokenizer_class\"")
    },

    // Arrays.
    .init(
      "a NumPy array (.npy)", "an array is an input of a run: onnx-run model.onnx --input x=FILE",
      isReadable: true
    ) { $0.has([0x93], at: 0) && $0.has("NUMPY", at: 1) },
    .init(
      "an archive of NumPy arrays (.npz)",
      "arrays are inputs of a run (--input FILE) or weights: onnx-convert --graph model.onnx FILE "
        + "bound.onnx", isReadable: true
    ) { !$0.entries.isEmpty && $0.entries.allSatisfy { $0.hasSuffix(".npy") } },

    // Downloads gone wrong.
    .init("a Git LFS pointer", "the file itself is fetched by: git lfs pull") {
      $0.startsText("version https://git-lfs.github.com/spec/") || $0.startsText("# xet version")
    },
    .init("a web page (HTML)", "a browser saved the page instead of the file; \(download)") {
      content in
      ["<!doctype html", "<html", "<head", "<body"].contains { content.startsText($0) }
    },
    .init("an XML message of a server", download) {
      $0.startsText("<?xml") || $0.startsText("<error")
    },
    .init("a file of zeros", "a download or a copy was cut off; \(download)") { $0.isZero },

    // Containers. The entry of a zip file says more: see `ForeignContent.contained`.
    .init("a zip archive that is cut off", "copy or \(download) again") {
      $0.isZip && $0.entries.isEmpty
    },
    .init("a zip file", unpack) { $0.isZip },
    .init("a gzip file", "unpack it first: gunzip -k FILE") { $0.has([0x1F, 0x8B], at: 0) },
    .init("a 7z archive", unpack) { $0.has([0x37, 0x7A, 0xBC, 0xAF, 0x27, 0x1C], at: 0) },
    .init("a zstd file", "unpack it first: zstd -d FILE") {
      $0.has([0x28, 0xB5, 0x2F, 0xFD], at: 0)
    },
    .init("an xz file", "unpack it first: unxz -k FILE") {
      $0.has([0xFD, 0x37, 0x7A, 0x58, 0x5A, 0], at: 0)
    },
    .init("a bzip2 file", "unpack it first: bunzip2 -k FILE") {
      $0.has("BZh", at: 0) && $0.has([0x31, 0x41, 0x59, 0x26], at: 4)
    },
    .init("an LZ4 file", "unpack it first: lz4 -d FILE") {
      $0.has([0x04, 0x22, 0x4D, 0x18], at: 0)
    },
    .init("a rar archive", unpack) { $0.has("Rar!", at: 0) },
    .init("a tar archive", "unpack it first: tar -xf FILE") { $0.has("ustar", at: 257) },

    // Other files.
    .init("a PNG picture", picture) { $0.has([0x89, 0x50, 0x4E, 0x47], at: 0) },
    .init("a JPEG picture", picture) { $0.has([0xFF, 0xD8, 0xFF], at: 0) },
    .init("a PDF document", "give the .onnx file") { $0.has("%PDF-", at: 0) },
    .init("a program", "give the .onnx file") {
      $0.has([0x7F, 0x45, 0x4C, 0x46], at: 0) || $0.has([0x4D, 0x5A, 0x90, 0], at: 0)
    },
    .init("a text in UTF-16", "save it as UTF-8, or \(download) without conversion") {
      $0.has([0xFF, 0xFE], at: 0) || $0.has([0xFE, 0xFF], at: 0)
    },
  ]

  private static let picture = "a picture is an input of a run: onnx-run model.onnx --input x=FILE"
}

extension ForeignFile {
  /// The part of a program that a file was meant for.
  package enum Purpose: Sendable {
    case model, checkpoint
  }

  /// A sentence for a file that could not be read, which names its kind and what to do.
  /// - Parameters:
  ///   - source: the file's bytes
  ///   - path: the file's path; `nil` for bytes in memory
  ///   - isText: whether text may be a model, so that only known kinds of text are named
  /// - Returns: `nil` for content of no known kind, and for weights in a format that is read
  package static func sentence(
    _ source: ByteSource, path: String?, for purpose: Purpose, isText: Bool = false
  ) -> String? {
    let content = ForeignContent(source, path: path)
    let wanted = purpose == .model ? "not an ONNX model" : "not a checkpoint"
    let place = path ?? "FILE"
    if purpose == .model, let (size, present) = content.cutGraph {
      return
        "the model is cut off: its graph has \(size) bytes, of which \(present) are there; copy or "
        + "download it again"
    }
    if purpose == .model, !isText, content.isModelText {
      return
        "a model as text, which onnx-convert reads; convert it first: "
        + "onnx-convert \(place) model.onnx"
    }
    guard let kind = known.first(where: { $0.matches(content) }) else {
      return content.message(isText: isText).map { "\($0), \(wanted); \(download)" }
    }
    guard let advice = purpose == .model ? kind.advice : kind.weightAdvice else { return nil }
    if let contained = content.contained(in: kind.name) {
      return "\(kind.name) around \(contained.quoted), \(wanted); unpack it first"
    }
    var name = kind.name
    if let excerpt = content.excerpt(of: kind.name) { name += " (\(excerpt))" }
    return "\(name), \(wanted); "
      + advice.replacing("FILE", with: place).replacing("FOLDER", with: folder(of: place))
  }

  private static func folder(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return String(path[..<slash])
  }
}
