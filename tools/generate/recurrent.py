"""RNN, LSTM and GRU in NumPy, written after the equations of the ONNX standard.

    python tools/generate/recurrent.py > Tests/OpsTests/RecurrentTables.swift

Computes in float64, one sample and one step at a time, and needs only NumPy.
"""

import numpy as np

FUNCTIONS = {
    "relu": lambda x, a, b: np.maximum(x, 0),
    "tanh": lambda x, a, b: np.tanh(x),
    "sigmoid": lambda x, a, b: 1 / (1 + np.exp(-x)),
    "affine": lambda x, a, b: a * x + b,
    "leakyrelu": lambda x, a, b: np.where(x >= 0, x, a * x),
    "thresholdedrelu": lambda x, a, b: np.where(x >= a, x, 0),
    "scaledtanh": lambda x, a, b: a * np.tanh(b * x),
    "hardsigmoid": lambda x, a, b: np.minimum(np.maximum(a * x + b, 0), 1),
    "elu": lambda x, a, b: np.where(x >= 0, x, a * (np.exp(x) - 1)),
    "softsign": lambda x, a, b: x / (1 + np.abs(x)),
    "softplus": lambda x, a, b: np.log(1 + np.exp(x)),
}
ALPHA = {"affine": 1, "leakyrelu": 0.01, "thresholdedrelu": 1, "scaledtanh": 1,
         "hardsigmoid": 0.2, "elu": 1}
BETA = {"affine": 0, "scaledtanh": 1, "hardsigmoid": 0.5}
GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
DEFAULTS = {"RNN": ["Tanh"], "GRU": ["Sigmoid", "Tanh"], "LSTM": ["Sigmoid", "Tanh", "Tanh"]}


def activations(names, alphas, betas):
    alphas, betas = iter(alphas or []), iter(betas or [])
    result = []
    for name in (n.lower() for n in names):
        a = next(alphas, ALPHA[name]) if name in ALPHA else None
        b = next(betas, BETA[name]) if name in BETA else None
        result.append(lambda x, f=FUNCTIONS[name], a=a, b=b: f(x, a, b))
    return result


def step(op, x, H, C, W, R, Wb, Rb, P, functions, clip, input_forget, linear_before_reset):
    """One step of one sequence: x [I], H and C [hidden]. Returns the new H and C."""
    n = H.shape[0]
    bound = lambda v: v if clip is None else np.clip(v, -clip, clip)
    rows = lambda M, k: M[k * n:(k + 1) * n]
    part = lambda k: rows(W, k) @ x + rows(Wb, k)
    recur = lambda k, h: rows(R, k) @ h + rows(Rb, k)
    if op == "RNN":
        (f,) = functions
        return f(bound(part(0) + recur(0, H))), C
    if op == "GRU":
        f, g = functions
        z = f(bound(part(0) + recur(0, H)))
        r = f(bound(part(1) + recur(1, H)))
        if linear_before_reset:
            h = g(bound(part(2) + r * recur(2, H)))
        else:
            h = g(bound(part(2) + recur(2, r * H)))
        return (1 - z) * h + z * H, C
    f, g, h = functions
    i = f(bound(part(0) + recur(0, H) + rows(P, 0) * C))
    forget = 1 - i if input_forget else f(bound(part(2) + recur(2, H) + rows(P, 2) * C))
    c = g(bound(part(3) + recur(3, H)))
    C = forget * C + i * c
    o = f(bound(part(1) + recur(1, H) + rows(P, 1) * C))
    return o * h(C), C


def run(op, X, W, R, B=None, sequence_lens=None, initial_h=None, initial_c=None, P=None, *,
        direction="forward", activations_=None, activation_alpha=None, activation_beta=None,
        clip=None, input_forget=0, linear_before_reset=0, layout=0):
    """Y, Y_h, Y_c of one node."""
    if layout:
        X = np.swapaxes(X, 0, 1)
        initial_h = None if initial_h is None else np.swapaxes(initial_h, 0, 1)
        initial_c = None if initial_c is None else np.swapaxes(initial_c, 0, 1)
    T, batch, _ = X.shape
    D, n = R.shape[0], R.shape[2]
    G = GATES[op]
    functions = activations(activations_ or DEFAULTS[op] * D, activation_alpha, activation_beta)
    per = len(functions) // D
    Y = np.zeros((T, D, batch, n))
    Y_h, Y_c = np.zeros((D, batch, n)), np.zeros((D, batch, n))
    for d in range(D):
        backwards = direction == "reverse" or d == 1
        bias = np.zeros(2 * G * n) if B is None else B[d]
        for b in range(batch):
            H = np.zeros(n) if initial_h is None else initial_h[d, b]
            C = np.zeros(n) if initial_c is None else initial_c[d, b]
            length = T if sequence_lens is None else int(sequence_lens[b])
            for t in (reversed(range(length)) if backwards else range(length)):
                H, C = step(op, X[t, b], H, C, W[d], R[d], bias[:G * n], bias[G * n:],
                            np.zeros(3 * n) if P is None else P[d],
                            functions[d * per:(d + 1) * per], clip, input_forget,
                            linear_before_reset)
                Y[t, d, b] = H
            Y_h[d, b], Y_c[d, b] = H, C
    if layout:
        Y = np.transpose(Y, [2, 0, 1, 3])
        Y_h, Y_c = np.transpose(Y_h, [1, 0, 2]), np.transpose(Y_c, [1, 0, 2])
    return Y, Y_h, Y_c


# The table of test cases.

NAMES = ["X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P"]


def numbers(shape, seed):
    """Values from −50/64 to 50/64, exact in every float type."""
    k = np.arange(int(np.prod(shape)))
    return (((k * 37 + seed * 11) % 101 - 50) / 64).reshape(shape)


def tensors(op, T, batch, I, n, D, lens, given, layout):
    G = GATES[op]
    state = (batch, D, n) if layout else (D, batch, n)
    shapes = {"X": (batch, T, I) if layout else (T, batch, I), "W": (D, G * n, I),
              "R": (D, G * n, n), "B": (D, 2 * G * n), "initial_h": state, "initial_c": state,
              "P": (D, 3 * n)}
    return [np.array(lens) if name == "sequence_lens" and lens else
            numbers(shapes[name], seed) if name in ["X", "W", "R", *given] else None
            for seed, name in enumerate(NAMES)]


def literal(value):
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(literal, value)) + "]"
    return f"{value:.8g}"


def attribute(name, value):
    kind = {str: "string", int: "int", float: "float"}[type(value[0] if isinstance(value, list)
                                                           else value)]
    return f'.{kind}{"s" if isinstance(value, list) else ""}("{name}", {literal(value)})'


def case(title, op, given=(), lens=None, sizes=(3, 2, 2, 2), **attributes):
    given = [name for name in given if op == "LSTM" or name not in ("initial_c", "P")]
    D = 2 if attributes.get("direction") == "bidirectional" else 1
    values = tensors(op, *sizes, D, lens, given, attributes.get("layout", 0))
    arguments = {("activations_" if k == "activations" else k): v for k, v in attributes.items()}
    outputs = run(op, *values, **arguments)[:3 if op == "LSTM" else 2]
    lines = [f'    RecurrentCase(', f'      "{title}", "{op}", sizes: {literal(list(sizes))},']
    if attributes:
        lines.append(f'      [{", ".join(attribute(k, v) for k, v in attributes.items())}],')
    if given:
        lines.append(f'      given: {literal(list(given))},')
    if lens:
        lines.append(f'      lengths: {literal(list(lens))},')
    lines.append("      outputs: [")
    lines += [f"        {literal(v.ravel().tolist())}," for v in outputs]
    print("\n".join(lines) + "\n      ]),")


def main():
    print("// Written by tools/generate/recurrent.py.\n\nextension RecurrentCase {")
    print("  static let all: [RecurrentCase] = [")
    for op in GATES:
        case("plain", op)
        case("bias, lengths, initial states, reverse", op, ["B", "initial_h", "initial_c"],
             lens=[3, 1], direction="reverse")
        case("both directions, lengths", op, ["B", "initial_h", "initial_c"], lens=[2, 3],
             direction="bidirectional")
        case("a sequence of length 0", op, ["initial_h", "initial_c"], lens=[0, 2],
             direction="bidirectional", sizes=(2, 2, 1, 2))
        case("clip", op, ["B"], clip=0.25)
        case("the batch first", op, ["B", "initial_h", "initial_c"], lens=[3, 2], layout=1,
             direction="bidirectional")
    small = (2, 1, 2, 3)
    for name in ["Relu", "Tanh", "Sigmoid", "Affine", "LeakyRelu", "ThresholdedRelu", "ScaledTanh",
                 "HardSigmoid", "Elu", "Softsign", "Softplus"]:
        case(f"{name} with its defaults", "RNN", sizes=small, activations=[name])
        low = name.lower()
        parameters = {}
        if low in ALPHA:
            parameters["activation_alpha"] = [0.375]
        if low in BETA:
            parameters["activation_beta"] = [0.625]
        if parameters:
            case(f"{name} with parameters", "RNN", sizes=small, activations=[low], **parameters)
    case("functions and parameters of each direction", "RNN", sizes=small,
         direction="bidirectional", activations=["Softsign", "LeakyRelu"], activation_alpha=[0.5])
    case("linear before reset", "GRU", ["B", "initial_h"], linear_before_reset=1)
    case("linear before reset, both directions, clip", "GRU", ["B"], lens=[1, 3], clip=0.5,
         direction="bidirectional", linear_before_reset=1)
    case("functions and parameters of each direction", "GRU", sizes=small,
         direction="bidirectional", activations=["HardSigmoid", "Relu", "Sigmoid", "Elu"],
         activation_alpha=[0.25, 0.75], activation_beta=[0.5])
    case("peepholes", "LSTM", ["B", "initial_c", "P"])
    case("input and forget gate coupled, peepholes", "LSTM", ["P", "initial_c"], input_forget=1)
    case("parameters go to the functions that take them", "LSTM", ["initial_c"], sizes=small,
         activations=["LeakyRelu", "Tanh", "Elu"], activation_alpha=[0.25, 0.75])
    case("functions of each direction, peepholes, clip", "LSTM", ["B", "P"], sizes=small,
         direction="bidirectional", clip=0.5,
         activations=["Sigmoid", "Softsign", "Tanh", "HardSigmoid", "Tanh", "Affine"],
         activation_alpha=[0.25, 0.5], activation_beta=[0.5, 0.125])
    print("  ]\n}")


if __name__ == "__main__":
    main()
