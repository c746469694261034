public import Readers

private let scratch: ScratchFile = {
  do throws(ScratchFile.Failure) {
    return try ScratchFile()
  } catch {
    fatalError("cannot create a file in /dev/shm (errno \(error.errno))")
  }
}()

/// Runs one input through a reader. Reading it and refusing it are both fine; a model that reads back
/// differently stops the program, so that libFuzzer keeps the input.
public func fuzz(_ reader: Reader, _ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  do throws(ScratchFile.Failure) {
    try scratch.replaceContents(with: UnsafeRawBufferPointer(start: start, count: count))
  } catch {
    fatalError("cannot write to a file in /dev/shm (errno \(error.errno))")
  }
  do {
    try reader.read(scratch.path)
  } catch let changed as Reader.Changed {
    fatalError("the model reads back differently: \(changed.reason)")
  } catch {
    _ = "\(error)"
  }
  return 0
}
