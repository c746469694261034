/// A font of 5 by 8 dots. The lowest row holds descenders. A character outside ASCII is drawn as a
/// box.
enum BitmapFont {
  static let width = 5
  static let height = 8
  /// The distance between the left edges of neighbouring letters.
  static let advance = 6

  /// The columns of a letter from left to right, with the top dot in the lowest bit.
  static func columns(_ character: Unicode.Scalar) -> [UInt8] {
    let index = Int(character.value) - 32
    let bits = glyphs.indices.contains(index) ? glyphs[index] : 0x7F_4141_417F
    return (0..<5).map { UInt8(truncatingIfNeeded: bits >> (8 * $0)) }
  }

  /// The letters from the space on, a byte for each column, the first column lowest.
  private static let glyphs: [UInt64] = [
    0x0000000000, 0x00005F0000, 0x0007000700,
    0x147F147F14, 0x122A7F2A24, 0x6264081323,
    0x5020564936, 0x0000070000, 0x0041221C00,
    0x001C224100, 0x2A1C7F1C2A, 0x08083E0808,
    0x0000608000, 0x0808080808, 0x0060600000,
    0x0204081020, 0x3E4549513E, 0x00407F4200,
    0x4649516142, 0x334D494121, 0x107F121418,
    0x3945454527, 0x3049494A3C, 0x0305097101,
    0x3649494936, 0x1E29494906, 0x0036360000,
    0x0036768000, 0x4122140800, 0x1414141414,
    0x0814224100, 0x0609590102, 0x1E555D413E,
    0x7C1211127C, 0x364949497F, 0x224141413E,
    0x3E4141417F, 0x414949497F, 0x010909097F,
    0x3A4949413E, 0x7F0808087F, 0x00417F4100,
    0x013F414020, 0x412214087F, 0x404040407F,
    0x7F020C027F, 0x7F1008047F, 0x3E4141413E,
    0x060909097F, 0x5E2151413E, 0x462919097F,
    0x3249494926, 0x01017F0101, 0x3F4040403F,
    0x1F2040201F, 0x3F4038403F, 0x6314081463,
    0x0304780403, 0x4345495161, 0x0041417F00,
    0x2010080402, 0x007F414100, 0x0402010204,
    0x8080808080, 0x0004020100, 0x7854545420,
    0x384444487F, 0x2844444438, 0x7F48444438,
    0x1854545438, 0x0201097E08, 0x7CA4A4A418,
    0x780404087F, 0x00407D4400, 0x007D848040,
    0x004428107F, 0x00407F4100, 0x780418047C,
    0x780404087C, 0x3844444438, 0x18242424FC,
    0xFC24242418, 0x080404087C, 0x2454545448,
    0x2040443F04, 0x7C2040403C, 0x1C2040201C,
    0x3C4030403C, 0x4428102844, 0x7CA0A0A01C,
    0x444C546444, 0x4141360800, 0x00007F0000,
    0x0008364141, 0x0810080408,
  ]
}
