"""Prints the gradients of AttentionGradientTests: two heads that share keys and values, in causal order.

    python tools/generate/attention_gradient.py

Needs torch (tools/compare/requirements.txt).
"""

import torch


def ramp(shape, phase):
    count = torch.Size(shape).numel()
    values = [((i * 7 + phase) % 11 - 5) / 4 for i in range(count)]
    return torch.tensor(values, dtype=torch.float64).reshape(shape)


inputs = [ramp(shape, phase).requires_grad_() for phase, shape in enumerate(
    [(1, 2, 2, 2), (1, 1, 2, 2), (1, 1, 2, 2)])]
result = torch.nn.functional.scaled_dot_product_attention(
    *inputs, is_causal=True, enable_gqa=True)
(result * ramp((1, 2, 2, 2), 3)).sum().backward()
for index, tensor in enumerate(inputs):
    print(f"x{index}", tensor.grad.flatten().tolist())
