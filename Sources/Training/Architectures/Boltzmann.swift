import ONNXFormat
import ONNXInterpreter

/// A restricted Boltzmann machine whose visible units are the pixels of a picture. Outputs are `hidden`,
/// the probabilities of the hidden units, `[N, hidden]`, and `reconstruction`, which has the shape of
/// `image`.
package struct RestrictedBoltzmannMachine: PictureModel {
  package var name: ArchitectureName { .rbm }
  package var channels = 1
  package var height = 28
  package var width = 28
  package var machine = BoltzmannMachine(500)
  /// Whether there is a third output, `error`, `[N]`, whose mean is the loss.
  package var isTraining = false
  package init() {}

  package func build(_ m: ModelBuilder) throws(ModelError) {
    let pixels = try Flatten()(picture(m), in: m)
    let values = try m.scope("rbm") { m throws(ModelError) in try machine(pixels, in: m) }
    try m.output("hidden", values.hidden)
    try m.output(
      "reconstruction", Reshape([channels, height, width])(values.reconstruction, in: m))
    if isTraining { try m.output("error", values.error) }
  }
}

/// A deep belief network that classifies pictures: a stack of restricted Boltzmann machines, each of
/// which takes the probabilities of the hidden units below, and a linear layer. It has the output
/// `logits`, `[N, classes]`. Hinton, Osindero and Teh, "A fast learning algorithm for deep belief nets",
/// 2006.
package struct DeepBeliefNetwork: PictureModel {
  package var name: ArchitectureName { .dbn }
  package var channels = 1
  package var height = 28
  package var width = 28
  package var classes = 10
  /// The hidden units of each machine, from the picture up.
  package var hidden = [500, 500, 2000]
  /// The initializer of the machines' weights.
  package var weight = Initializer.normal(deviation: 0.01)
  package var gibbsSteps = 1
  /// Whether each machine has an output, `error1` and so on, `[N]`, whose mean is its loss.
  package var isTraining = false
  package init() {}

  package func build(_ m: ModelBuilder) throws(ModelError) {
    var x = try Flatten()(picture(m), in: m)
    for (index, units) in hidden.enumerated() {
      var machine = BoltzmannMachine(units)
      (machine.weight, machine.gibbsSteps) = (weight, gibbsSteps)
      let values = try m.scope("rbm\(index + 1)") { m throws(ModelError) in
        try machine(x, in: m)
      }
      if isTraining { try m.output("error\(index + 1)", values.error) }
      x = values.hidden
    }
    try m.output("logits", Dense(classes).named("head")(x, in: m))
  }
}
