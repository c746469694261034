"""Prints the gradients of ScanGradientTests: of a linear recurrence whose states are weighed by time.

    python tools/generate/scan_gradient.py

Needs torch (tools/compare/requirements.txt).
"""

import torch

h0 = torch.tensor([[0.5, -1.0]], dtype=torch.float64, requires_grad=True)
xs = torch.tensor(
    [[[1.0, 2.0]], [[-0.5, 0.25]], [[0.75, -1.5]]], dtype=torch.float64, requires_grad=True)
w = torch.tensor([[0.5, -0.25], [1.0, 0.75]], dtype=torch.float64, requires_grad=True)

h, loss = h0, 0
for t, x in enumerate(xs, 1):
    h = h @ w + x
    loss = loss + t * h.sum()
loss.backward()
for name, tensor in [("h0", h0), ("xs", xs), ("w", w)]:
    print(name, tensor.grad.flatten().tolist())
