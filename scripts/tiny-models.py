"""Makes tiny models with random weights, together with what the reference implementation computes for them.

    python -m venv VENV && VENV/bin/pip install torch transformers==5.23.0 safetensors
    VENV/bin/python scripts/tiny-models.py OUT [NAME ...]

One folder a model under OUT: config.json, model.safetensors and expected.safetensors (inputs, and outputs in float32 on the CPU). Shapes
are chosen to be unlike the ordinary ones: heads that do not fill the hidden size, odd numbers of layers, several query heads to a key head,
sizes that are no powers of two, biases where most models have none, windows much shorter than the texts.
Weights are exact in float16 and kept so, which halves the files. Ids are made by the models' own vocabulary size; rows are padded on the right. Norms, biases and tables are drawn too, so that a norm whose
weight is left out, or a bias that is dropped, shows.
"""

import json
import os
import sys

import torch
import transformers
from safetensors.torch import save_file

LENGTHS = (3, 11, 29, 48)
VOCABULARY = 97

ROPE_BOTH = {
    "full_attention": {"rope_type": "default", "rope_theta": 160000.0},
    "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0},
}
COMMON = {"vocab_size": VOCABULARY, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}

MODELS = {
    "modernbert-odd": (
        "ModernBertModel",
        dict(COMMON, hidden_size=36, num_attention_heads=3, num_hidden_layers=5, intermediate_size=50, local_attention=10,
             max_position_embeddings=64, attention_bias=True, mlp_bias=True, norm_bias=True, rope_parameters=ROPE_BOTH),
    ),
    "modernbert-mean-classifier": (
        "ModernBertForSequenceClassification",
        dict(COMMON, hidden_size=40, num_attention_heads=5, num_hidden_layers=2, intermediate_size=30, local_attention=8,
             max_position_embeddings=64, classifier_pooling="mean", classifier_bias=True, num_labels=3, rope_parameters=ROPE_BOTH),
    ),
    "modernbert-masked-lm": (
        "ModernBertForMaskedLM",
        dict(COMMON, hidden_size=24, num_attention_heads=2, num_hidden_layers=2, intermediate_size=30, local_attention=8,
             max_position_embeddings=64, rope_parameters=ROPE_BOTH),
    ),
    "nomic-bert-odd": (
        "NomicBertModel",
        dict(COMMON, hidden_size=36, num_attention_heads=3, num_hidden_layers=3, intermediate_size=50, max_position_embeddings=64),
    ),
    "nomic-bert-gelu": (
        "NomicBertModel",
        dict(COMMON, hidden_size=24, num_attention_heads=2, num_hidden_layers=1, intermediate_size=40, max_position_embeddings=64,
             hidden_act="gelu"),
    ),
    "deberta-v2-buckets": (
        "DebertaV2ForSequenceClassification",
        dict(COMMON, hidden_size=36, num_attention_heads=3, num_hidden_layers=3, intermediate_size=50, max_position_embeddings=64,
             relative_attention=True, position_buckets=8, norm_rel_ebd="layer_norm", share_att_key=True, pos_att_type="p2c|c2p",
             position_biased_input=False, type_vocab_size=0, num_labels=2),
    ),
    "deberta-v2-own-projections": (
        "DebertaV2ForSequenceClassification",
        dict(COMMON, hidden_size=32, num_attention_heads=2, num_hidden_layers=2, intermediate_size=40, max_position_embeddings=64,
             relative_attention=True, position_buckets=-1, max_relative_positions=20, share_att_key=False, pos_att_type=["c2p", "p2c"],
             position_biased_input=True, type_vocab_size=2, embedding_size=20),
    ),
    "deberta-v2-convolution": (
        "DebertaV2Model",
        dict(COMMON, hidden_size=24, num_attention_heads=2, num_hidden_layers=2, intermediate_size=40, max_position_embeddings=64,
             relative_attention=True, position_buckets=16, norm_rel_ebd="layer_norm", share_att_key=True, pos_att_type=["c2p"],
             position_biased_input=False, type_vocab_size=0, conv_kernel_size=3, conv_act="gelu"),
    ),
    "deberta-v2-plain-attention": (
        "DebertaV2Model",
        dict(COMMON, hidden_size=24, num_attention_heads=3, num_hidden_layers=1, intermediate_size=40, max_position_embeddings=64,
             relative_attention=False, position_biased_input=True, type_vocab_size=0),
    ),
    "qwen3-grouped": (
        "Qwen3Model",
        dict(COMMON, hidden_size=40, num_attention_heads=6, num_key_value_heads=2, head_dim=12, num_hidden_layers=3, intermediate_size=50,
             max_position_embeddings=64, attention_bias=True),
    ),
    "qwen3-window": (
        "Qwen3Model",
        dict(COMMON, hidden_size=24, num_attention_heads=3, num_key_value_heads=3, head_dim=8, num_hidden_layers=2, intermediate_size=30,
             max_position_embeddings=64, use_sliding_window=True, sliding_window=7, max_window_layers=1,
             rope_parameters={"rope_type": "linear", "factor": 2.0, "rope_theta": 1000000.0}),
    ),
    "gemma3-both-sides": (
        "Gemma3TextModel",
        dict(COMMON, hidden_size=36, num_attention_heads=3, num_key_value_heads=1, head_dim=16, num_hidden_layers=4, intermediate_size=50,
             max_position_embeddings=64, query_pre_attn_scalar=20, sliding_window=9, use_bidirectional_attention=True,
             layer_types=["sliding_attention", "sliding_attention", "full_attention", "sliding_attention"],
             rope_parameters={
                 "full_attention": {"rope_type": "linear", "factor": 4.0, "rope_theta": 1000000.0},
                 "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0},
             }),
    ),
    "gemma3-causal": (
        "Gemma3TextModel",
        dict(COMMON, hidden_size=32, num_attention_heads=4, num_key_value_heads=2, head_dim=8, num_hidden_layers=2, intermediate_size=40,
             max_position_embeddings=64, query_pre_attn_scalar=8, sliding_window=6, use_bidirectional_attention=False,
             layer_types=["sliding_attention", "full_attention"]),
    ),
}


def draw(model, seed):
    """Random values everywhere, norms around what they start from, so that nothing in the model is without effect."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if parameter.dim() == 1 and "norm" in name.lower() and name.endswith("weight"):
                parameter.add_(noise * 0.2)
            elif parameter.dim() == 1:
                parameter.copy_(noise * 0.2)
            else:
                parameter.copy_(noise * (0.6 if "embed" in name.lower() else 1.5 / parameter.shape[-1] ** 0.5))
            parameter.copy_(parameter.half().float())


def inputs_of(model, seed):
    generator = torch.Generator().manual_seed(seed)
    rows, longest = len(LENGTHS), max(LENGTHS)
    ids = torch.randint(3, VOCABULARY, (rows, longest), generator=generator)
    mask = torch.zeros(rows, longest, dtype=torch.long)
    for row, length in enumerate(LENGTHS):
        mask[row, :length] = 1
    given = {"input_ids": ids * mask, "attention_mask": mask}
    if getattr(model.config, "type_vocab_size", 0) > 1 and "Classification" in type(model).__name__:
        given["token_type_ids"] = torch.randint(0, 2, (rows, longest), generator=generator) * mask
    return given


def make(out, name, seed):
    class_name, settings = MODELS[name]
    model_class = getattr(transformers, class_name)
    config = model_class.config_class(**settings)
    config._attn_implementation = "eager"
    model = model_class(config).eval().float()
    draw(model, seed)
    given = inputs_of(model, seed + 1)
    with torch.no_grad():
        answer = model(**given)
    output = "logits" if "logits" in answer else "last_hidden_state"
    folder = os.path.join(out, name)
    model.save_pretrained(folder, safe_serialization=True, state_dict={key: value.half() for key, value in model.state_dict().items()})
    expected = {**given, output: answer[output].float()}
    save_file({key: value.contiguous() for key, value in expected.items()}, os.path.join(folder, "expected.safetensors"))
    print(json.dumps({"name": name, "class": class_name, "output": output, "bytes": os.path.getsize(f"{folder}/model.safetensors")}))


def main():
    out, *names = sys.argv[1:]
    for seed, name in enumerate(MODELS):
        if not names or name in names:
            make(out, name, 10 * seed)


if __name__ == "__main__":
    main()
