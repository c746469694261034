import ONNX
import ONNXPlots
import ToolSupport

/// What comes before and around the epochs of a run.
extension TrainingRun {
  /// The checkpoint to continue from; `nil` to begin.
  func checkpoint() throws -> Checkpoint? {
    guard arguments.resume, let path = arguments.checkpoint else { return nil }
    guard fileExists(path) else {
      throw Failure("--resume: there is no checkpoint '\(path)'; without --resume training begins")
    }
    do { return try Checkpoint(contentsOf: path) } catch { throw Failure(path, error) }
  }

  /// Continues from a checkpoint, and says where.
  func resume(_ loop: TrainingLoop, _ checkpoint: Checkpoint) throws {
    let path = arguments.checkpoint ?? ""
    let planned = checkpoint.progress.epochs
    do { try loop.resume(checkpoint) } catch { throw Failure(path, error) }
    let (epoch, epochs) = (loop.progress.epoch, recipe.settings.epochs)
    let completed = epoch == 1 ? "1 epoch" : "\(epoch) epochs"
    printError("resumed from '\(path)' after \(completed) and \(loop.progress.batch) batches")
    if epoch == epochs, !isPretraining {
      printError(
        "all \(epochs) epochs are complete, so nothing is trained; a larger --epochs continues")
    } else if planned != epochs {
      let rate = recipe.settings.rate
      let share = Double(loop.progress.batch) / Double(max(1, recipe.training.batchCount))
      let next = rate.rate(epoch: Double(epoch) + share, of: Double(epochs))
      printError(
        "\(epochs) epochs instead of \(planned)"
          + (rate.dependsOnLength
            ? ": the learning rate continues on the schedule of \(epochs) epochs, at "
              + formatted(next, "%.4g")
            : ""))
    }
  }

  /// Draws training pictures and changed ones below them, if that is wanted.
  func drawAugmented() throws {
    guard let sheet, isFirst else { return }
    guard let rows = recipe.augmented, let first = rows.first else {
      throw Failure("--show-augmented: no augmentation changes the pictures; see --augment")
    }
    var tiles = TileSheet(
      "Pictures, and below them what training sees", try rows.flatMap { try $0.pictures })
    tiles.range = .allTiles
    tiles.columns = first.shape[0]
    do { try tiles.image().writePNG(to: sheet) } catch { throw Failure(sheet, error) }
    printError("augmented pictures: \(sheet)")
  }

  /// The best validation result in words.
  func criterion(_ score: Double) -> String {
    recipe.settings.bestIs == .mostAccurate
      ? "validation accuracy, \(fixed(1 - score, 4))" : "validation loss, \(fixed(score, 4))"
  }
}

extension Tensor {
  /// The pictures of a float32 batch `[N, C, H, W]`.
  var pictures: [Tensor] {
    get throws {
      let shape = Array(shape.dropFirst())
      let numbers = try array(as: Float.self)
      let size = shape.reduce(1, *)
      return (0..<self.shape[0]).map {
        Tensor(shape: shape, Array(numbers[$0 * size..<($0 + 1) * size]))
      }
    }
  }
}
