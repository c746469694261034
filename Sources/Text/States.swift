import ONNXFormat
import ONNXInterpreter

/// The name of the output that a state's input continues: `h_out` for `h`.
///
/// A recurrent model that reads a sequence in parts takes each state as an input `NAME` and returns
/// it as an output `NAME_out`.
package func stateOutput(_ name: String) -> String { name + "_out" }

extension Session {
  /// The inputs that are states.
  package var states: [ValueInfo] {
    let outputs = Set(outputs.map(\.name))
    return inputs.filter { outputs.contains(stateOutput($0.name)) }
  }

  /// The outputs that are not states.
  package var results: [ValueInfo] {
    let states = Set(inputs.map { stateOutput($0.name) })
    return outputs.filter { !states.contains($0.name) }
  }

  /// States of zeros by name, for the start of one sequence. Dynamic dimensions have size 1; states
  /// without a declared rank are left out.
  /// - Throws: `ModelError` for a state beyond the memory limit
  package func zeroStates() throws(ModelError) -> [String: Tensor] {
    var zeros: [String: Tensor] = [:]
    for state in states { zeros[state.name] = try self.zeros(for: state) }
    return zeros
  }
}
