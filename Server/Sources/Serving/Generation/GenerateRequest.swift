import ONNX

/// The body of a request for text, as Triton's generate extension has it.
struct GenerateRequest: Decodable {
  struct Parameters: Decodable {
    var max_tokens: Int?
    var temperature: Double?
    var seed: UInt64?
    var stop: Stop?
  }

  /// A string or several.
  struct Stop: Decodable {
    let texts: [String]

    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      if let text = try? container.decode(String.self) {
        texts = [text]
      } else {
        texts = try container.decode([String].self)
      }
    }
  }

  var text_input: String
  /// `new` for a text that later requests continue, then the identifier in the response.
  var session: String?
  var parameters: Parameters?

  /// The text to write.
  /// - Throws: `ServingError` for a value out of its range
  func checked(limit: Int) throws(ServingError) -> GenerationSettings {
    let length = parameters?.max_tokens ?? min(256, limit)
    guard (1...limit).contains(length) else {
      throw ServingError(.badRequest, "max_tokens: expected 1 to \(limit), found \(length)")
    }
    let temperature = parameters?.temperature ?? 1
    guard (0...100).contains(temperature) else {
      throw ServingError(.badRequest, "temperature: expected 0 to 100, found \(temperature)")
    }
    let stops = parameters?.stop?.texts ?? []
    guard stops.count <= 8, stops.allSatisfy({ (1...100).contains($0.utf8.count) }) else {
      throw ServingError(.badRequest, "stop: expected at most 8 texts of 1 to 100 bytes each")
    }
    return GenerationSettings(
      length: length, temperature: temperature,
      seed: parameters?.seed ?? UInt64.random(in: 0...UInt64.max), stops: stops)
  }
}

/// How a text is written.
struct GenerationSettings: Sendable {
  let length: Int
  let temperature: Double
  let seed: UInt64
  let stops: [String]
}

/// A part of a text, or its end.
struct GenerateResponse: Encodable, Sendable {
  let model_name: String
  let model_version: String
  var text_output: String
  var session: String?
  var finish_reason: String?
  var prompt_tokens: Int?
  var tokens: Int?
}
