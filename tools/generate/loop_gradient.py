"""Prints the gradients of LoopGradientTests: of a recurrence that ends where its state is large enough.

    python tools/generate/loop_gradient.py

Needs torch (tools/compare/requirements.txt).
"""

import torch

h0 = torch.tensor([[0.5, -1.0]], dtype=torch.float64, requires_grad=True)
xs = torch.tensor(
    [[[0.5, 0.25]], [[-0.5, 0.25]], [[1.5, 1.0]], [[3.0, 3.0]]], dtype=torch.float64,
    requires_grad=True)
w = torch.tensor([[0.5, -0.25], [1.0, 0.75]], dtype=torch.float64, requires_grad=True)

h, loss, steps = h0, 0, 0
while steps == 0 or h.sum() < 1.5:
    h = torch.tanh(h @ w + xs[steps])
    steps += 1
    loss = loss + steps * h.sum()
loss.backward()
print("steps", steps)
for name, tensor in [("h0", h0), ("xs", xs), ("w", w)]:
    print(name, tensor.grad.flatten().tolist())
