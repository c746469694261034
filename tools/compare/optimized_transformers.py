"""Runs transformers that onnxruntime's optimiser fused beside onnxruntime.

    python tools/compare/optimized_transformers.py FOLDER [--tool .build/release/onnx-run] [--only NAME]

Small models with random weights (BERT, GPT-2, T5, ViT, Whisper and others, from the package
`transformers`) are exported, then written by `onnxruntime.transformers.optimizer` at each level, in
float16 and with 8-bit weights. Each file becomes a case below FOLDER with onnxruntime's outputs, which
`onnx-run test` compares. Exit code 1 if a case fails.
"""

import argparse
import collections
import json
import pathlib
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.transformers import optimizer
from onnxruntime.transformers.fusion_options import FusionOptions

import transformers as hf

HEADS, HIDDEN = 4, 64


class Tuple(torch.nn.Module):
    """A model that takes tensors by position and returns a tuple of tensors."""

    def __init__(self, model, names, outputs=None, **options):
        super().__init__()
        self.model, self.names, self.outputs, self.options = model, names, outputs, options

    def forward(self, *tensors):
        result = self.model(**dict(zip(self.names, tensors)), **self.options)
        values = []
        for value in result.to_tuple()[:self.outputs]:
            if isinstance(value, torch.Tensor):
                values.append(value)
        return tuple(values)


class Cached(torch.nn.Module):
    """A decoder that takes and returns keys and values of earlier tokens."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, tokens, mask, positions, *states):
        past = tuple(zip(states[::2], states[1::2]))
        result = self.model(
            input_ids=tokens, attention_mask=mask, position_ids=positions,
            past_key_values=hf.DynamicCache.from_legacy_cache(past), use_cache=True)
        present = result.past_key_values
        if hasattr(present, "to_legacy_cache"):
            present = present.to_legacy_cache()
        return (result.logits, *[x for layer in present for x in layer])


def tokens(*shape):
    return torch.randint(1, 90, shape)


def padding(batch, length):
    mask = torch.ones(batch, length, dtype=torch.int64)
    mask[1, length - 2:] = 0
    return mask


SIZES = {"hidden_size": HIDDEN, "num_hidden_layers": 2, "num_attention_heads": HEADS,
         "intermediate_size": 96, "vocab_size": 99}


def encoders():
    """Models of one run: name, kind for the optimiser, module, inputs, names of inputs."""
    eager = {"attn_implementation": "eager"}
    for implementation in ["eager", "sdpa"]:
        options = {"attn_implementation": implementation}
        model = hf.BertModel(hf.BertConfig(**SIZES, **options))
        yield (f"bert_{implementation}", "bert",
               Tuple(model, ["input_ids", "attention_mask", "token_type_ids"]),
               [tokens(2, 7), padding(2, 7), torch.zeros(2, 7, dtype=torch.int64)])
        model = hf.ViTModel(hf.ViTConfig(**{k: v for k, v in SIZES.items() if k != "vocab_size"},
                                         image_size=32, patch_size=8, **options))
        yield (f"vit_{implementation}", "vit", Tuple(model, ["pixel_values"]),
               [torch.randn(2, 3, 32, 32)])
        model = hf.GPT2LMHeadModel(hf.GPT2Config(
            n_embd=HIDDEN, n_layer=2, n_head=HEADS, vocab_size=99, n_positions=32, **options))
        yield (f"gpt2_{implementation}", "gpt2",
               Tuple(model, ["input_ids", "attention_mask"], 1, use_cache=False),
               [tokens(2, 7), padding(2, 7)])
    yield ("distilbert", "bert",
           Tuple(hf.DistilBertModel(hf.DistilBertConfig(
               dim=HIDDEN, n_layers=2, n_heads=HEADS, hidden_dim=96, vocab_size=99, **eager)),
               ["input_ids", "attention_mask"]), [tokens(2, 7), padding(2, 7)])
    yield ("roberta", "bert",
           Tuple(hf.RobertaModel(hf.RobertaConfig(**SIZES, max_position_embeddings=40, **eager)),
                 ["input_ids", "attention_mask"]), [tokens(2, 7), padding(2, 7)])
    yield ("t5_encoder", "t5",
           Tuple(hf.T5EncoderModel(hf.T5Config(
               d_model=HIDDEN, d_kv=16, d_ff=96, num_layers=2, num_heads=HEADS, vocab_size=99)),
               ["input_ids", "attention_mask"]), [tokens(2, 7), padding(2, 7)])
    t5 = hf.T5Model(hf.T5Config(
        d_model=HIDDEN, d_kv=16, d_ff=96, num_layers=2, num_heads=HEADS, vocab_size=99,
        feed_forward_proj="gated-gelu"))
    yield ("t5", "t5", Tuple(t5, ["input_ids", "attention_mask", "decoder_input_ids"], 1,
                             use_cache=False), [tokens(2, 7), padding(2, 7), tokens(2, 5)])
    whisper = hf.WhisperConfig(
        d_model=HIDDEN, encoder_layers=2, decoder_layers=2, encoder_attention_heads=HEADS,
        decoder_attention_heads=HEADS, encoder_ffn_dim=96, decoder_ffn_dim=96, vocab_size=99,
        max_source_positions=20, max_target_positions=20, num_mel_bins=8, pad_token_id=0,
        bos_token_id=1, eos_token_id=2, decoder_start_token_id=1, attn_implementation="eager")
    model = hf.WhisperModel(whisper)
    yield ("whisper_encoder", "bart", Tuple(model.encoder, ["input_features"]),
           [torch.randn(2, 8, 40)])
    yield ("whisper", "bart",
           Tuple(model, ["input_features", "decoder_input_ids"], 1, use_cache=False),
           [torch.randn(2, 8, 40), tokens(2, 5)])
    bart = hf.BartModel(hf.BartConfig(
        d_model=HIDDEN, encoder_layers=2, decoder_layers=2, encoder_attention_heads=HEADS,
        decoder_attention_heads=HEADS, encoder_ffn_dim=96, decoder_ffn_dim=96, vocab_size=99,
        max_position_embeddings=32, attn_implementation="eager"))
    yield ("bart", "bart", Tuple(bart, ["input_ids", "decoder_input_ids"], 1, use_cache=False),
           [tokens(2, 7), tokens(2, 5)])
    clip = hf.CLIPTextModel(hf.CLIPTextConfig(
        **SIZES, max_position_embeddings=16, projection_dim=HIDDEN, **eager))
    yield ("clip_text", "clip", Tuple(clip, ["input_ids"]), [tokens(2, 7)])
    swin = hf.SwinModel(hf.SwinConfig(
        image_size=32, patch_size=2, embed_dim=16, depths=[1, 1], num_heads=[2, 4], window_size=4))
    yield "swin", "swin", Tuple(swin, ["pixel_values"], 1), [torch.randn(1, 3, 32, 32)]
    wav = hf.Wav2Vec2Model(hf.Wav2Vec2Config(
        **SIZES, conv_dim=(16, 16), conv_stride=(5, 2), conv_kernel=(10, 3),
        num_conv_pos_embeddings=16, num_conv_pos_embedding_groups=4, num_feat_extract_layers=2,
        **eager))
    yield "wav2vec2", "bert", Tuple(wav.eval(), ["input_values"], 1), [torch.randn(2, 400)]


def decoders():
    """Decoders with a cache: name, kind for the optimiser, module, inputs."""
    common = {**SIZES, "max_position_embeddings": 32, "attn_implementation": "eager"}
    configurations = [
        ("llama", "gpt2", hf.LlamaForCausalLM, hf.LlamaConfig(num_key_value_heads=HEADS, **common)),
        ("llama_groups", "gpt2", hf.LlamaForCausalLM, hf.LlamaConfig(num_key_value_heads=2, **common)),
        ("qwen2", "gpt2", hf.Qwen2ForCausalLM, hf.Qwen2Config(num_key_value_heads=2, **common)),
        ("phi", "phi", hf.PhiForCausalLM, hf.PhiConfig(**common)),
        ("gpt_neox", "gpt_neox", hf.GPTNeoXForCausalLM, hf.GPTNeoXConfig(**common)),
        ("gpt2_cached", "gpt2", hf.GPT2LMHeadModel, hf.GPT2Config(
            n_embd=HIDDEN, n_layer=2, n_head=HEADS, vocab_size=99, n_positions=32,
            attn_implementation="eager")),
    ]
    for name, kind, model, configuration in configurations:
        heads = getattr(configuration, "num_key_value_heads", None) or HEADS
        for past in [0, 4]:
            mask = torch.ones(2, past + 3, dtype=torch.int64)
            # A query without any key has a result that depends on rounding.
            mask[1, 0] = 0 if past else 1
            states = [torch.randn(2, heads, past, HIDDEN // HEADS) for _ in range(4)]
            positions = torch.arange(past, past + 3)[None].repeat(2, 1)
            yield (f"{name}_past{past}", kind, Cached(model(configuration)),
                   [tokens(2, 3), mask, positions, *states])


def export(module, inputs, path):
    """Writes the model, with free sizes, by PyTorch's exporter of traced modules."""
    names = [f"x{i}" for i in range(len(inputs))]
    axes = {name: {0: "batch", 1: f"length{name}"} if x.ndim == 2 else
            {0: "batch", 2: "past"} if x.ndim == 4 and x.shape[1] <= HEADS and i > 2 else {0: "batch"}
            for i, (name, x) in enumerate(zip(names, inputs))}
    module.eval()
    for parameter in module.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.15)
    torch.onnx.export(
        module, tuple(inputs), str(path), input_names=names, dynamic_axes=axes, opset_version=17,
        dynamo=False)


def fused(source, kind, level, separate=False):
    """The optimiser's model; with separate projections if told so."""
    options = FusionOptions(kind)
    options.use_multi_head_attention = separate
    return optimizer.optimize_model(
        str(source), model_type=kind, num_heads=HEADS, hidden_size=HIDDEN,
        optimization_options=options, opt_level=level, use_gpu=False)


def quantized(source, kind, weights, **options):
    target = source.parent / "changed.onnx"
    fused(source, kind, 0).save_model_to_file(str(target))
    quantize_dynamic(target, target, weight_type=weights,
                     extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT}, **options)
    return onnx.load(target)


def half(source, kind, level, whole):
    model = fused(source, kind, level)
    model.convert_float_to_float16(keep_io_types=not whole)
    target = source.parent / "changed.onnx"
    model.save_model_to_file(str(target))
    return onnx.load(target)


def written_by_session(source, level):
    target = source.parent / "changed.onnx"
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, level)
    options.optimized_model_filepath = str(target)
    onnxruntime.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])
    return onnx.load(target)


def variants(source, kind):
    """The files that the optimiser and the quantiser write from a model, by name."""
    return {
        "exported": lambda: onnx.load(source),
        **{f"level{n}": lambda n=n: fused(source, kind, n).model for n in [0, 1, 2, 99]},
        "heads": lambda: fused(source, kind, 0, True).model,
        "int8": lambda: quantized(source, kind, QuantType.QInt8),
        "uint8": lambda: quantized(source, kind, QuantType.QUInt8, per_channel=True),
        "float16": lambda: half(source, kind, 0, False),
        "float16_whole": lambda: half(source, kind, 1, True),
        **{f"session_{n}": lambda n=n: written_by_session(source, f"ORT_ENABLE_{n.upper()}")
           for n in ["basic", "extended", "all"]},
    }


def write(folder, model, inputs, tolerance):
    """Writes a case with onnxruntime's outputs; the reason where it does not run the model."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    names = [entry.name for entry in model.graph.input]
    feeds = {}
    for entry in model.graph.input:
        dtype = helper.tensor_dtype_to_np_dtype(entry.type.tensor_type.elem_type)
        feeds[entry.name] = inputs[int(entry.name[1:])].astype(dtype)
    try:
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        outputs = session.run(None, feeds)
    except Exception as error:  # noqa: BLE001: onnxruntime's own exceptions share no base class.
        return str(error).splitlines()[0]
    data = folder / "test_data_set_0"
    data.mkdir(parents=True, exist_ok=True)
    onnx.save(model, folder / "model.onnx")
    for index, name in enumerate(names):
        onnx.save_tensor(numpy_helper.from_array(feeds[name], name), data / f"input_{index}.pb")
    for index, (entry, value) in enumerate(zip(model.graph.output, outputs)):
        onnx.save_tensor(
            numpy_helper.from_array(value, entry.name), data / f"output_{index}.pb")
    (folder / "tol").write_text(f"0 {tolerance} max")
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--tool", default=".build/release/onnx-run")
    parser.add_argument("--only", default="", help="the models whose names contain this text")
    options = parser.parse_args()
    torch.manual_seed(0)
    options.folder.mkdir(parents=True, exist_ok=True)
    cases = options.folder / "cases"
    refused, operators = {}, collections.Counter()
    for name, kind, module, inputs in [*encoders(), *decoders()]:
        if options.only not in name:
            continue
        source = options.folder / f"{name}.onnx"
        try:
            export(module, inputs, source)
        except Exception as error:  # noqa: BLE001: the exporter's exceptions share no base class.
            refused[name] = f"not exported: {error}".splitlines()[0]
            continue
        arrays = [x.numpy() for x in inputs]
        for variant, make in variants(source, kind).items():
            try:
                model = make()
            except Exception as error:  # noqa: BLE001
                refused[f"{name}_{variant}"] = f"not written: {error}".splitlines()[0]
                continue
            coarse = "float16" in variant or "int8" in variant
            reason = write(cases / f"{name}_{variant}", model, arrays, 2e-2 if coarse else 1e-4)
            if reason:
                refused[f"{name}_{variant}"] = reason
            operators.update(
                {node.op_type for node in model.graph.node if node.domain == "com.microsoft"})
    report = options.folder / "report.json"
    subprocess.run([options.tool, "test", str(cases), "--json", str(report)],
                   stdout=subprocess.DEVNULL, check=False)
    results = json.loads(report.read_text())
    for result in results:
        if not result["passed"]:
            print(f"{pathlib.Path(result['case']).name}: {result['message']}")
    for name, reason in refused.items():
        print(f"{name}: onnxruntime: {reason[:150]}")
    print("operators of com.microsoft, by files:", dict(operators.most_common()))
    passed = sum(result["passed"] for result in results)
    print(f"{passed} of {len(results)} files pass")
    sys.exit(0 if passed == len(results) else 1)


if __name__ == "__main__":
    main()
