// Prints how often bound runs ask for memory, after a few to warm up: a line `NAME THREADS COUNT`
// for each model, after one for an array, which shows that the count works. Fails where a run does:
//
//     tools/build allocations && .build/release/allocations models/lenet5.onnx
import AllocationCounter
import Glibc
import ONNX

func allocations(_ body: () throws -> Void) rethrows -> Int64 {
  let before = allocation_count()
  try body()
  return allocation_count() - before
}

func noise(_ shape: [Int]) -> Tensor {
  let count = shape.reduce(1, *)
  return Tensor(shape: shape, (0..<count).map { Float($0 * 37 % 101) / 101 - 0.5 })
}

var array: [Int] = []
let control = allocations { array = Array(repeating: 1, count: Int(CommandLine.argc) + 100) }
print("array", 1, control)
var isFine = control > 0

for (name, model, inputs) in try models(lenet: CommandLine.arguments[1]) {
  for threads in 1...2 {
    var options = SessionOptions()
    options.threads = threads
    let bound = try Session(model, options: options).bind(inputs: inputs)
    for _ in 0..<5 { try bound.run() }
    let count = try allocations { for _ in 0..<20 { try bound.run() } }
    print(name, threads, count)
    isFine = isFine && count == 0
  }
}
exit(isFine ? 0 : 1)
