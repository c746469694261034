import ONNX
import Testing

@Suite struct AugmentationTests {
  private let pixels = (1...9).map(Float.init)

  /// Changed versions of the picture 1…9, which the other channel has too.
  private func versions(_ changes: [Augmentation], count: Int = 200) throws -> Set<[Float]> {
    let image = Tensor(shape: [1, 2, 3, 3], pixels + pixels)
    let augmentation = try #require(try PictureAugmentation(changes, sizes: [2, 3, 3]))
    let source = try TensorDataset(["image": image]).batches(size: 1, seed: nil)
      .augmented(augmentation, "image", seed: 1)
    var found: Set<[Float]> = []
    for epoch in 0..<count {
      let changed = try source.batch(epoch: epoch, index: 0).floats("image")
      #expect(changed[..<9] == changed[9...])
      #expect(try source.batch(epoch: epoch, index: 0).floats("image") == changed)
      found.insert(Array(changed[..<9]))
    }
    return found
  }

  @Test func aCropPadsWithZeros() throws {
    let found = try versions([.crop(1)])
    #expect(found.count == 9)
    #expect(found.contains(pixels))
    #expect(found.contains([0, 0, 0, 0, 1, 2, 0, 4, 5]))
    #expect(found.contains([5, 6, 0, 8, 9, 0, 0, 0, 0]))
  }

  @Test func aShiftRepeatsTheEdge() throws {
    let found = try versions([.shift(1)])
    #expect(found.count == 9)
    #expect(found.contains(pixels))
    #expect(found.contains([1, 1, 2, 1, 1, 2, 4, 4, 5]))
  }

  @Test func aFlipMirrorsHalfOfThePictures() throws {
    #expect(try versions([.flip]) == [pixels, [3, 2, 1, 6, 5, 4, 9, 8, 7]])
    #expect(try versions([.flip, .crop(1)]).count == 18)
  }

  @Test func eachPictureOfABatchHasItsOwnDraws() throws {
    let images = Tensor(
      shape: [50, 1, 3, 3], (0..<50).flatMap { _ in pixels })
    let augmentation = try #require(try PictureAugmentation([.flip], sizes: [1, 3, 3]))
    var random = RandomStream(seed: 1)
    let changed = try augmentation.changed(images, &random).array(as: Float.self)
    #expect((15...35).contains((0..<50).count { changed[9 * $0] == 3 }))
  }

  @Test func thePixelsOfLargePicturesAreExact() throws {
    var random = RandomStream(seed: 2)
    let size = 2 * 37 * 224
    let image = Tensor(shape: [1, 2, 37, 224], (0..<size).map { _ in Float(random.uniform()) })
    let augmentation = try #require(
      try PictureAugmentation([.shift(5), .flip], sizes: [2, 37, 224]))
    let old = Set(try image.array(as: Float.self))
    for _ in 0..<5 {
      let changed = try augmentation.changed(image, &random).array(as: Float.self)
      #expect(changed.allSatisfy(old.contains))
      // A row in the middle has all its pixels but those that moved out.
      let row = Set(changed[20 * 224..<21 * 224])
      #expect(row.count >= 219)
    }
  }

  @Test func changesThatExcludeEachOtherAreErrors() throws {
    #expect(try PictureAugmentation([], sizes: [1, 3, 3]) == nil)
    expectDataError("one of crop and shift") {
      try PictureAugmentation([.crop(1), .shift(1)], sizes: [1, 3, 3])
    }
    expectDataError("once") { try PictureAugmentation([.flip, .flip], sizes: [1, 3, 3]) }
    expectDataError("less than their size 3 x 3") {
      try PictureAugmentation([.crop(3)], sizes: [1, 3, 3])
    }
    let augmentation = try #require(try PictureAugmentation([.flip], sizes: [1, 3, 3]))
    expectDataError("float32[N,C,H,W]") {
      var random = RandomStream(seed: 1)
      return try augmentation.changed(Tensor(shape: [2], [1, 2] as [Float]), &random)
    }
  }
}
