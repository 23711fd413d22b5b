"""Embeds texts with a Python library, for bench/peers/run.mjs: one JSON line in, one JSON line out.

usage: libraries.py fastembed FOLDER GRAPH DIMENSIONS | peers.py sentence-transformers FOLDER
"""

import json
import sys
import time


def open_fastembed(folder, graph, dimensions):
    from fastembed import TextEmbedding
    from fastembed.common.model_description import ModelSource, PoolingType

    # A graph in full precision that pools by itself, under a name that no catalogue has.
    TextEmbedding.add_custom_model(
        model="bench/local",
        pooling=PoolingType.DISABLED,
        normalization=True,
        sources=ModelSource(hf="bench/local"),
        dim=int(dimensions),
        model_file=graph,
    )
    model = TextEmbedding("bench/local", specific_model_path=folder)
    return lambda texts: list(model.embed(texts, batch_size=32))


def open_sentence_transformers(folder):
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(folder, device="cpu")
    return lambda texts: model.encode(texts, batch_size=32, normalize_embeddings=True, show_progress_bar=False)


OPENERS = {"fastembed": open_fastembed, "sentence-transformers": open_sentence_transformers}


def main():
    embed = OPENERS[sys.argv[1]](*sys.argv[2:])
    for line in sys.stdin:
        request = json.loads(line)
        started = time.perf_counter()
        if request["one_by_one"]:
            times = []
            for text in request["texts"]:
                begun = time.perf_counter()
                embed([text])
                times.append((time.perf_counter() - begun) * 1000)
            answer = {"times": times}
        else:
            vectors = embed(request["texts"])
            answer = {"ms": (time.perf_counter() - started) * 1000, "first": [float(value) for value in vectors[0]]}
        print(json.dumps(answer), flush=True)


main()
