import Fuzzing

/// Called by libFuzzer with each input: `count` bytes from `start` on.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  Fuzzing.fuzz(.tables, start, count)
}
