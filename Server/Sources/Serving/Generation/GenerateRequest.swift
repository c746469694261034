import ONNX

/// The body of a request for text, as Triton's generate extension has it.
struct GenerateRequest: Decodable {
  struct Parameters: Decodable {
    var max_tokens: Int?
    var temperature: Double?
    var seed: UInt64?
    var stop: Stop?

    enum CodingKeys: CodingKey, CaseIterable {
      case max_tokens, temperature, seed, stop
    }

    init(from decoder: any Decoder) throws {
      try decoder.checkMembers(CodingKeys.self, of: "'parameters'")
      let values = try decoder.container(keyedBy: CodingKeys.self)
      max_tokens = try values.decodeIfPresent(Int.self, forKey: .max_tokens)
      temperature = try values.decodeIfPresent(Double.self, forKey: .temperature)
      seed = try values.decodeIfPresent(UInt64.self, forKey: .seed)
      stop = try values.decodeIfPresent(Stop.self, forKey: .stop)
    }
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

  enum CodingKeys: CodingKey, CaseIterable {
    case text_input, session, parameters
  }

  init(from decoder: any Decoder) throws {
    try decoder.checkMembers(CodingKeys.self, of: "a request for text")
    let values = try decoder.container(keyedBy: CodingKeys.self)
    text_input = try values.decode(String.self, forKey: .text_input)
    session = try values.decodeIfPresent(String.self, forKey: .session)
    parameters = try values.decodeIfPresent(Parameters.self, forKey: .parameters)
  }

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

/// A key of any name.
private struct AnyKey: CodingKey {
  let stringValue: String
  var intValue: Int? { nil }

  init(stringValue: String) { self.stringValue = stringValue }
  init?(intValue: Int) { nil }
}

extension Decoder {
  /// Refuses members that nobody reads.
  /// - Throws: `ServingError` with the first of them
  fileprivate func checkMembers<Keys: CodingKey & CaseIterable>(
    _ keys: Keys.Type, of owner: String
  ) throws {
    let known = Keys.allCases.map(\.stringValue)
    let found = try container(keyedBy: AnyKey.self).allKeys.map(\.stringValue).sorted()
    guard let unknown = found.first(where: { !known.contains($0) }) else { return }
    throw ServingError(
      .badRequest,
      "\(owner) has no \(quoted(unknown)); expected \(known.joined(separator: ", "))")
  }
}
