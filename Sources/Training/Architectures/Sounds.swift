import ONNXFormat
import ONNXInterpreter

/// The log-mel spectrum of sounds: `[N, T]` to `[N, bands, frames]`, computed by the standard's `STFT`
/// and `MelWeightMatrix`.
///
/// The power spectrum of each frame under a Hann window is summed by triangles whose corners are
/// evenly spaced on the mel scale; the result is `log(sum + 10⁻⁶)`. It has no parameters.
package struct LogMel: Layer {
  /// The number of samples per second.
  package var rate: Int
  /// The number of triangles.
  package var bands = 40
  /// The lowest frequency in Hz. The highest is half the sample rate.
  package var lowest: Float = 60

  /// The samples of a frame. Frames start half a frame apart. The default is a power of two, from 23
  /// to 46 ms.
  package var frame = 16

  package init(rate: Int) {
    self.rate = rate
    while frame < 1 << 20, frame * 44 < rate { frame *= 2 }
  }

  /// Adds the nodes from `HannWindow` to `Log`.
  package func callAsFunction(
    _ x: Signal, in m: ModelBuilder
  ) throws(ModelError) -> Signal {
    try x.expect(rank: 2, "[N, T]", for: "LogMel")
    func integer(_ value: Int, _ name: String) throws(ModelError) -> Signal {
      try m.constant(Tensor(Int64(value)), hint: name)
    }
    let size = try integer(frame, "frame")
    let spectrum = try m.node(
      "STFT",
      [
        m.unsqueeze(x, 2), integer(frame / 2, "step"),
        m.node("HannWindow", [size], [.int("output_datatype", Int(m.elementType.rawValue))]), size,
      ])
    let power = try m.node(
      "ReduceSumSquare", [spectrum, m.integers([3], hint: "axes")], [.int("keepdims", 0)])
    let weights = try m.node(
      "MelWeightMatrix",
      [
        integer(bands, "bands"), size, integer(rate, "rate"), m.constant(Tensor(lowest)),
        m.constant(Tensor(Float(rate) / 2)),
      ], [.int("output_datatype", Int(m.elementType.rawValue))])
    let mel = try m.node("MatMul", [power, weights])
    return try m.transpose(m.node("Log", [m.add(mel, m.scalar(1e-6))]), [0, 2, 1])
  }
}

/// A classifier of sounds. The input is `audio`, `[N, T]` from −1 to 1, the output `logits`,
/// `[N, classes]`. Its first layers are a `LogMel` and a normalization of each band.
package protocol SoundClassifier: Architecture {
  /// The number of samples per second.
  var rate: Int { get set }
  var classes: Int { get set }
  /// Adds the layers from `[N, bands, frames]` to the logits.
  func classify(_ mel: Signal, in m: ModelBuilder) throws(ModelError) -> Signal
}

extension SoundClassifier {
  package func build(_ m: ModelBuilder) throws(ModelError) {
    let audio = try m.input("audio", ["N", "T"])
    let front = Sequential {
      LogMel(rate: rate).named("mel")
      BatchNorm().named("norm")
    }
    try m.output("logits", classify(front(audio, in: m), in: m), shape: ["N", .size(classes)])
  }
}

/// A convolutional network over bands and time, similar to those of Sainath and Parada,
/// "Convolutional neural networks for small-footprint keyword spotting" (2015), with global average
/// pooling, so that it takes sounds of any length.
package struct SoundCNN: SoundClassifier {
  package var name: ArchitectureName { .soundCNN }
  package var rate = 8000
  package var classes = 12
  /// The filters of each convolution. A pool after each but the last halves bands and frames.
  package var filters = [16, 32, 64]
  package init() {}

  package func classify(_ mel: Signal, in m: ModelBuilder) throws(ModelError) -> Signal {
    let net = Sequential {
      for (index, count) in filters.enumerated() {
        Conv2D(count, 3, padding: 1, hasBias: false, weight: .heNormal).named("conv\(index + 1)")
        BatchNorm().named("norm\(index + 1)")
        Relu()
        if index < filters.count - 1 { MaxPool2D(2) }
      }
      GlobalAveragePool()
      Dense(classes).named("output")
    }
    return try net(m.unsqueeze(mel, 1), in: m)
  }
}

/// A GRU over the frames, whose last state decides.
package struct SoundGRU: SoundClassifier {
  package var name: ArchitectureName { .soundGRU }
  package var rate = 8000
  package var classes = 12
  package var hidden = 96
  package init() {}

  package func classify(_ mel: Signal, in m: ModelBuilder) throws(ModelError) -> Signal {
    let net = Sequential {
      GRU(hidden).last.named("gru")
      Dense(classes).named("output")
    }
    return try net(m.transpose(mel, [0, 2, 1]), in: m)
  }
}
