import Foundation
import ONNX
import ONNXConversion
import Serving

/// A training run as a JSON file: what the page chose, the curves, and the checkpoint, which is a model
/// in protobuf's JSON. A run that continues from it computes the same bits as one that never stopped.
struct TrainSnapshot: Sendable {
  let design: TrainDesign
  let rate: Double
  let history: TrainHistory
  let checkpoint: Checkpoint

  /// The model of a network that the page has not designed.
  var imported: Model? {
    guard design.imported != nil else { return nil }
    var model = checkpoint.model
    model.trainingInfos = []
    model.metadata = []
    return model
  }

  private static let format = "onnx-playground-training-1"

  /// The part of the file that is not the model.
  private struct Header: Codable {
    var format: String
    var design: TrainDesign
    var rate: Double
    var points: [CurvePoint]
  }

  init(_ training: Training) throws {
    design = training.design
    rate = training.rate
    history = training.history
    let header = Header(
      format: Self.format, design: design, rate: rate, points: history.points.suffix(200))
    var progress = TrainingProgress()
    progress.epoch = Int(training.epoch)
    checkpoint = try Checkpoint(
      training.trainer, progress,
      configuration: String(decoding: Self.encoder.encode(header), as: UTF8.self))
  }

  /// Reads the JSON file, or the ONNX file that `onnx` wrote.
  /// - Throws: `ServingError`
  init(_ bytes: [UInt8]) throws(ServingError) {
    let header: Header
    do {
      let model: Model
      if ModelForm(content: bytes) == .onnx {
        model = try Model(serialized: bytes)
        checkpoint = try Checkpoint(model)
        header = try JSONDecoder().decode(
          Header.self, from: Data((checkpoint.configuration ?? "").utf8))
      } else {
        let data = Data(bytes)
        header = try JSONDecoder().decode(Header.self, from: data)
        let all = try JSONSerialization.jsonObject(with: data) as? [String: Any]
        model = try Model(
          json: Array(
            JSONSerialization.data(withJSONObject: all?["model"] as? [String: Any] ?? [:])))
        checkpoint = try Checkpoint(model)
      }
    } catch let error as TrainingError {
      throw ServingError(
        .badRequest,
        "only files that this page saved and networks of ConvNetJS can be trained further here; "
          + "\(error)")
    } catch let error as ConversionError {
      throw ServingError(.badRequest, "the file's model: \(error)")
    } catch {
      throw ServingError(.badRequest, "the file is not a training run that this page has saved")
    }
    guard header.format == Self.format, TrainDesign.rates.contains(header.rate) else {
      throw ServingError(.badRequest, "the file is not a training run that this page has saved")
    }
    design = header.design
    rate = header.rate
    history = TrainHistory(points: header.points)
  }

  /// The JSON file.
  func json() throws -> [UInt8] {
    let header = Header(
      format: Self.format, design: design, rate: rate, points: history.points)
    // The model is text already; it takes the place before the closing brace.
    return try Self.encoder.encode(header).dropLast() + Array(",\"model\":".utf8)
      + checkpoint.model.json() + Array("}\n".utf8)
  }

  /// The ONNX file: a model that runs, and a checkpoint that training continues from.
  func onnx() throws -> [UInt8] { try checkpoint.model.serialized() }

  private static var encoder: JSONEncoder {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return encoder
  }
}
