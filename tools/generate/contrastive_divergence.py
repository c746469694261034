"""Prints the update of contrastive divergence for a small restricted Boltzmann machine.

    python tools/generate/contrastive_divergence.py

The numbers are those of Tests/TrainingTests/BoltzmannTests.swift, whose machine draws the states of
hidden units below. Needs numpy.
"""

import numpy as np

# The hidden states of two examples in each step of Gibbs sampling.
DRAWS = [
    [[1, 0, 1], [1, 1, 0]],
    [[0, 1, 1], [1, 1, 1]],
]
WEIGHT_DECAY = 0.1


def numbers(shape, phase, scale=1.0):
    return scale * np.sin(1.7 * np.arange(np.prod(shape)) + phase).reshape(shape)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def main():
    weights = numbers((3, 4), 0.2)
    hidden_bias, visible_bias = numbers(3, 0.3), numbers(4, 0.4)
    data = 0.5 + numbers((2, 4), 0.1, 0.5)

    def hidden(v):
        return sigmoid(v @ weights.T + hidden_bias)

    def visible(h):
        return sigmoid(h @ weights + visible_bias)

    print("error", np.mean((data - visible(hidden(data))) ** 2))
    for steps in range(1, len(DRAWS) + 1):
        chain = data
        for drawn in DRAWS[:steps]:
            chain = visible(np.array(drawn))
        # <v h> of the data minus <v h> of the reconstruction, averaged over the examples.
        update = (hidden(data).T @ data - hidden(chain).T @ chain) / len(data)
        print(f"CD-{steps}")
        print("  weights", (update - WEIGHT_DECAY * weights).ravel().tolist())
        print("  hidden biases", (hidden(data) - hidden(chain)).mean(0).tolist())
        print("  visible biases", (data - chain).mean(0).tolist())


main()
