import ONNX
import ONNXConversion
import ToolSupport

/// Conversion to another element type, with a trial of the result.
extension ModelOptions {
  func convert(
    _ model: Model, to precision: Precision, _ report: (String) -> Void
  ) throws -> Model {
    let kept = NamePatterns(keep)
    try model.checkNodes(match: kept)
    if precision == .float32 { return try model.widened() }
    var samples: [[String: Value]] = []
    var problem: String?
    if calibrate != nil {
      samples = try calibrationInputs(of: model)
    } else if !noTrial || precision == .qdq {
      let trial = try TrialInputs(model)
      (samples, problem) = (trial.samples, trial.problem)
    }
    if let problem {
      let advice = "give inputs with --calibrate, or sizes with --set-dim"
      guard precision != .qdq else {
        throw Failure("the model does not run on noise: \(problem); \(advice)")
      }
      report(
        "the model does not run on noise, so its outputs are not compared: \(problem); \(advice)")
    }
    let result = try converted(model, to: precision, keeping: kept, samples, report)
    if !samples.isEmpty, !noTrial { try compare(model, result, samples, report) }
    return result
  }

  private func converted(
    _ model: Model, to precision: Precision, keeping kept: NamePatterns,
    _ samples: [[String: Value]], _ report: (String) -> Void
  ) throws -> Model {
    switch precision {
    case .float16, .bfloat16:
      let (made, left) = try model.narrowed(
        to: precision == .float16 ? .float16 : .bfloat16, keeping: kept, samples: samples)
      if !left.isEmpty {
        let list = left.prefix(8).joined(separator: ", ")
        report("\(left.count) nodes keep float32: \(list)\(left.count > 8 ? ", …" : "")")
      }
      return made
    case .float32: return try model.widened()
    case .int8:
      let (made, count) = try model.dynamicallyQuantized(keeping: kept)
      report("\(count) products quantized to int8")
      return made
    case .qdq:
      let (made, count) = try model.staticallyQuantized(calibratedBy: samples, keeping: kept)
      report("\(count) products quantized to int8, calibrated on \(samples.count) runs")
      return made
    case .int4:
      let (made, count) = try model.blockQuantized(keeping: kept)
      report("\(count) products with weights quantized to int4")
      return made
    }
  }

  /// Runs both models on the samples and reports sizes, times and differences.
  private func compare(
    _ model: Model, _ result: Model, _ samples: [[String: Value]], _ report: (String) -> Void
  ) throws {
    let difference = try ModelDifference(from: model, to: result, on: samples)
    func milliseconds(_ time: Duration) -> String { formatted(time / .milliseconds(1)) }
    report(
      """
      constants: \(difference.bytesBefore) bytes before, \(difference.bytesAfter) after; \
      a run: \(milliseconds(difference.timeBefore)) ms before, \
      \(milliseconds(difference.timeAfter)) ms after
      """)
    if difference.isSlower {
      let ratio = difference.timeAfter / difference.timeBefore
      report(
        "warning: a run takes \(fixed(ratio, 1)) times as long as before on this machine")
    }
    if !difference.largestDifference.isFinite {
      report("warning: outputs that were finite have become infinite or NaN")
    }
    let source = calibrate == nil ? "noise" : "\(samples.count) samples"
    report(
      """
      outputs on \(source): largest difference \(formatted(difference.largestDifference)), \
      largest value \(formatted(difference.largestOutput))
      """)
  }

  /// The inputs of the folder of `--calibrate`.
  private func calibrationInputs(of model: Model) throws -> [[String: Value]] {
    let inputs = try Session(model).inputs
    guard let calibrate else { return [] }
    var samples: [[String: Value]] = []
    for file in try entries(of: calibrate).sorted() {
      let path = "\(calibrate)/\(file)"
      if file.hasSuffix(".npz") {
        var sample: [String: Value] = [:]
        for (name, tensor) in try readTensors(npz: path) {
          guard let input = inputs.first(where: { $0.name == name }) else { continue }
          sample[name] = .tensor(try narrowed(tensor, to: input.type?.tensorType?.elementType))
        }
        if let missing = inputs.first(where: { sample[$0.name] == nil }) {
          throw Failure("\(path): expected an array '\(missing.name)'")
        }
        samples.append(sample)
      } else if file.hasSuffix(".npy") {
        guard inputs.count == 1 else {
          throw Failure("\(path): expected .npz, as the model has \(inputs.count) inputs")
        }
        samples.append([inputs[0].name: try readValue(path, inputs[0].type)])
      }
    }
    guard !samples.isEmpty else {
      throw Failure("\(calibrate): expected .npz or .npy files, found none")
    }
    return samples
  }
}
