"""Makes tiny BERT-like models with random weights and every kind of head, together with what PyTorch computes for them.

    python -m venv VENV && VENV/bin/pip install torch transformers==5.23.0 safetensors
    VENV/bin/python scripts/tiny-heads.py OUT

One folder a model under OUT, as scripts/tiny-models.py makes them. Heads that transformers does not have (late interaction, term weights,
dense steps of sentence-transformers) are computed here from its token states. Texts hold the padding id in their midst, and their lengths
reach beyond the distances that relative positions tell apart.
"""

import importlib.util
import json
import pathlib
import sys

import torch
import transformers
from safetensors.torch import load_file, save_file
from torch.nn.functional import normalize

spec = importlib.util.spec_from_file_location("tiny_models", pathlib.Path(__file__).with_name("tiny-models.py"))
tiny_models = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tiny_models)

VOCABULARY = 61
SHAPE = dict(vocab_size=VOCABULARY, pad_token_id=2, hidden_size=24, num_attention_heads=3, num_hidden_layers=2, intermediate_size=20,
             max_position_embeddings=48, layer_norm_eps=1e-6)
DISTIL = dict(vocab_size=VOCABULARY, pad_token_id=2, dim=24, n_heads=3, n_layers=2, hidden_dim=20, max_position_embeddings=48)


def inputs(lengths, padding, seed, types=False):
    generator = torch.Generator().manual_seed(seed)
    mask = torch.zeros(len(lengths), max(lengths), dtype=torch.long)
    for row, length in enumerate(lengths):
        mask[row, :length] = 1
    ids = torch.randint(5, VOCABULARY, mask.shape, generator=generator)
    ids[-1, 4] = padding
    given = {"input_ids": torch.where(mask == 1, ids, padding), "attention_mask": mask}
    if types:
        given["token_type_ids"] = torch.randint(0, 2, mask.shape, generator=generator) * mask
    return given


def reference(class_name, settings, seed, lengths=(3, 11, 29), types=False, padding=2):
    model_class = getattr(transformers, class_name)
    config = model_class.config_class(**settings)
    config._attn_implementation = "eager"
    model = model_class(config).eval().float()
    tiny_models.draw(model, seed)
    given = inputs(lengths, padding, seed + 1, types)
    with torch.no_grad():
        answer = model(**given, output_attentions=True, output_hidden_states=True)
    return model, given, answer


def save(out, name, model, given, expected, extra=None):
    folder = out / name
    model.save_pretrained(folder, safe_serialization=True)
    if extra is not None:
        path = folder / "model.safetensors"
        save_file({**load_file(path), **extra}, path, metadata={"format": "pt"})
    tensors = {key: value.float().contiguous() for key, value in expected.items()}
    save_file({**given, **tensors}, folder / "expected.safetensors")
    return folder


def splade(logits, mask):
    return (torch.log1p(torch.relu(logits)) * mask.unsqueeze(-1)).amax(dim=1)


def masked_mean(states, mask):
    weights = mask.unsqueeze(-1).float()
    return (states * weights).sum(1) / weights.sum(1)


def drawn(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) / shape[-1] ** 0.5


def classifiers(out):
    cases = {
        "bert-relu-classifier": ("BertForSequenceClassification", dict(SHAPE, hidden_act="relu", num_labels=3), True),
        "roberta-classifier": ("RobertaForSequenceClassification", dict(SHAPE, hidden_act="gelu_new", type_vocab_size=1), False),
        "distilbert-classifier": ("DistilBertForSequenceClassification", dict(DISTIL, num_labels=2), False),
        "mpnet-classifier": ("MPNetForSequenceClassification", dict(SHAPE, num_labels=1, max_position_embeddings=180), False),
    }
    for seed, (name, (class_name, settings, types)) in enumerate(cases.items()):
        lengths = (5, 40, 170) if name.startswith("mpnet") else (3, 11, 29)
        padding = 1 if name.startswith("mpnet") else 2
        model, given, answer = reference(class_name, settings, 100 + 10 * seed, lengths, types, padding)
        save(out, name, model, given, {"logits": answer.logits})


def masked_language_models(out):
    cases = {
        "roberta-masked-lm": ("RobertaForMaskedLM", dict(SHAPE, hidden_act="silu")),
        "distilbert-masked-lm": ("DistilBertForMaskedLM", DISTIL),
    }
    for seed, (name, (class_name, settings)) in enumerate(cases.items()):
        model, given, answer = reference(class_name, settings, 200 + 10 * seed)
        save(out, name, model, given, {"vocabulary_weights": splade(answer.logits, given["attention_mask"])})


def attention_weights(out):
    model, given, answer = reference("BertModel", SHAPE, 300)
    weights = answer.attentions[-1][:, :, 0].mean(1) * given["attention_mask"]
    save(out, "bert-attention-weights", model, given, {"token_weights": weights})


def late_interaction(out):
    model, given, answer = reference("BertForMaskedLM", SHAPE, 310)
    linear = drawn(311, 16, 24)
    vectors = normalize(answer.hidden_states[-1] @ linear.T, dim=-1)
    save(out, "bert-late-interaction", model, given, {"token_vectors": vectors}, {"linear.weight": linear})


def three_heads(out):
    model, given, answer = reference("XLMRobertaModel", SHAPE, 320)
    states, mask = answer.last_hidden_state, given["attention_mask"]
    layers = {
        "sparse_linear.weight": drawn(321, 1, 24), "sparse_linear.bias": drawn(322, 1),
        "colbert_linear.weight": drawn(323, 24, 24), "colbert_linear.bias": drawn(324, 24),
    }
    expected = {
        "sentence_embedding": normalize(states[:, 0], dim=-1),
        "token_weights": torch.relu(states @ layers["sparse_linear.weight"].T + layers["sparse_linear.bias"]).squeeze(-1) * mask,
        "token_vectors": normalize(states @ layers["colbert_linear.weight"].T + layers["colbert_linear.bias"], dim=-1),
    }
    save(out, "xlm-roberta-three-heads", model, given, expected, layers)


def dense_steps(out):
    model, given, answer = reference("DistilBertModel", DISTIL, 330)
    tensors = {"linear.weight": drawn(331, 40, 24), "linear.bias": drawn(332, 40)}, {"linear.weight": drawn(333, 10, 40)}
    pooled = masked_mean(answer.last_hidden_state, given["attention_mask"])
    widened = torch.tanh(pooled @ tensors[0]["linear.weight"].T + tensors[0]["linear.bias"])
    expected = {"sentence_embedding": normalize(widened @ tensors[1]["linear.weight"].T, dim=-1)}
    folder = save(out, "distilbert-dense-steps", model, given, expected)
    kinds = ["Transformer", "Pooling", "Dense", "Dense", "Normalize"]
    paths = ["" if kind == "Transformer" else f"{index}_{kind}" for index, kind in enumerate(kinds)]
    modules = [
        {"idx": index, "name": str(index), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for index, (kind, path) in enumerate(zip(kinds, paths))
    ]
    (folder / "modules.json").write_text(json.dumps(modules) + "\n")
    for path, layer, activation in zip(paths[2:4], tensors, ["activation.Tanh", "linear.Identity"]):
        (folder / path).mkdir(exist_ok=True)
        outputs, inputs_ = layer["linear.weight"].shape
        config = {"in_features": inputs_, "out_features": outputs, "bias": "linear.bias" in layer,
                  "activation_function": f"torch.nn.modules.{activation}"}
        (folder / path / "config.json").write_text(json.dumps(config) + "\n")
        save_file(layer, folder / path / "model.safetensors")


def main():
    out = pathlib.Path(sys.argv[1])
    for make in (classifiers, masked_language_models, attention_weights, late_interaction, three_heads, dense_steps):
        make(out)


main()
