// Prints how often bound runs ask for memory after a few to warm up: a line `NAME THREADS COUNT` for
// each model, and one for an array, which shows that the count works.
import AllocationCounter
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
print("array", 1, allocations { array = Array(repeating: 1, count: 100) })

for (name, model, inputs) in try models(lenet: CommandLine.arguments[1]) {
  for threads in 1...2 {
    var options = SessionOptions()
    options.threads = threads
    let bound = try Session(model, options: options).bind(inputs: inputs)
    for _ in 0..<5 { try bound.run() }
    print(name, threads, try allocations { for _ in 0..<20 { try bound.run() } })
  }
}
