import ArgumentParser
import ONNX
import ToolSupport

/// The options of `new` and `tune` for what becomes of the data.
struct DataArguments: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      """
      Set this share of the training examples aside, and keep the parameters of the epoch with the \
      best result on them; 0 for none. (default: 0.1 for tune, text-cnn and bilstm, else 0)
      """, valueName: "share"))
  var validationShare: Double?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "The weight of each class in the loss, as in 1,2,0.5, or 'balanced' for n / (classes · count).",
      valueName: "weights"))
  var classWeights: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      """
      The height and width that picture files are converted to. (default: those of the model's \
      input, else of the first picture)
      """, valueName: "224|HxW"))
  var size: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      """
      Change training pictures at random: 'crop=4' pads by 4 zeros and cuts, 'shift=2' moves by up \
      to 2 pixels, 'flip' mirrors; 'none' for none. (default: shift=2 for lenet5, resnet-small and alexnet to resnet50)
      """, valueName: "crop=4,flip"))
  var augment: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Draw training pictures and changed ones below them.", valueName: "file.png"))
  var showAugmented: String?

  func validate() throws {
    if let validationShare, !(validationShare >= 0 && validationShare < 1) {
      throw ValidationError(
        "--validation-share: expected at least 0 and less than 1, got \(validationShare)")
    }
    if let showAugmented, !showAugmented.lowercased().hasSuffix(".png") {
      throw ValidationError(
        "--show-augmented: expected a file named .png, got '\(showAugmented)'")
    }
    _ = try heightAndWidth
    _ = try augmentation
  }

  /// The height and width of `--size`.
  var heightAndWidth: [Int]? {
    get throws {
      guard let size else { return nil }
      let numbers = size.split(separator: "x", omittingEmptySubsequences: false).map { Int($0) }
      let sizes = numbers.compactMap { $0 }
      guard sizes.count == numbers.count, (1...2).contains(sizes.count),
        sizes.allSatisfy({ (1...10_000).contains($0) })
      else { throw ValidationError("--size: expected 224 or 224x320, got '\(size)'") }
      return sizes.count == 1 ? sizes + sizes : sizes
    }
  }

  /// The changes of `--augment`; `nil` for the default.
  var augmentation: [Augmentation]? {
    get throws {
      guard let augment else { return nil }
      if augment == "none" { return [] }
      return try augment.split(separator: ",", omittingEmptySubsequences: false).map { text in
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let pixels = parts.count == 2 ? Int(parts[1]) ?? 0 : nil
        switch (parts[0], pixels) {
        case ("flip", nil): return .flip
        case ("crop", let pixels) where (1...10_000).contains(pixels ?? 4):
          return .crop(pixels ?? 4)
        case ("shift", let pixels) where (1...10_000).contains(pixels ?? 2):
          return .shift(pixels ?? 2)
        default:
          throw ValidationError(
            "--augment: expected crop, crop=4, shift, shift=2, flip or none, got '\(text)'")
        }
      }
    }
  }

  /// Refuses options that an architecture does not take.
  func check(_ architecture: ArchitectureName) throws(Failure) {
    let name = architecture.rawValue
    if validationShare != nil, !architecture.takesValidationShare {
      throw Failure("--validation-share: \(name) takes no share of its data for validation")
    }
    try checkPictures(architecture.isForPictures, "\(name) is not trained on pictures")
  }

  /// Refuses options for pictures where there are none.
  func checkPictures(_ arePictures: Bool, _ reason: String) throws(Failure) {
    let given = [
      ("--size", size), ("--augment", augment), ("--show-augmented", showAugmented),
    ]
    if !arePictures, let option = given.first(where: { $0.1 != nil })?.0 {
      throw Failure("\(option): \(reason)")
    }
  }

  /// Sets the class weights.
  func apply(to recipe: inout Recipe) throws(Failure) {
    guard let classWeights else { return }
    guard recipe.options.loss.isCrossEntropy else {
      throw Failure("--class-weights needs --loss cross-entropy")
    }
    if classWeights == "balanced" {
      guard let labels = recipe.labels.first?.labels else {
        throw Failure("--class-weights: 'balanced' needs data with one class per example")
      }
      do {
        recipe.options.classWeights = try balancedWeights(
          labels, ignored: recipe.options.ignoredLabel)
      } catch { throw Failure("--class-weights", error) }
      let list = (recipe.options.classWeights ?? []).map { formatted(Double($0), "%.4g") }
      printError("class weights \(list.joined(separator: ", "))")
    } else {
      guard let weights = floats(classWeights), weights.allSatisfy({ $0 >= 0 }) else {
        throw Failure(
          "--class-weights: expected numbers of at least 0 as in 1,2,0.5, or 'balanced', "
            + "got '\(classWeights)'")
      }
      recipe.options.classWeights = weights
    }
  }

  /// The given options, for the configuration of a checkpoint.
  var text: String {
    let stated: [(String, String?)] = [
      ("validation", validationShare.map { "\($0)" }), ("weights", classWeights), ("size", size),
      ("augment", augment),
    ]
    return stated.compactMap { name, value in value.map { " \(name) \($0)" } }.joined()
  }
}
