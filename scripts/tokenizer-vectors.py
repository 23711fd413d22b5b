"""Makes the tokenizer fixtures under test/fixtures/tokenizers with the reference library.

Each folder holds a small tokenizer.json, trained here, and vectors.json: what the reference makes of some nasty texts. Run once in a
while, and whenever a kind of tokenizer is added:

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install tokenizers==0.23.3 sentencepiece protobuf
    /tmp/venv/bin/python scripts/tokenizer-vectors.py
"""

import json
import pathlib
import pydoc_data.topics
import tempfile

import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import AddedToken, Regex, Tokenizer, __version__, decoders, models, normalizers, pre_tokenizers, processors, trainers

OUT = pathlib.Path(__file__).parent.parent / "test" / "fixtures" / "tokenizers"

TEXTS = [
    "",
    " ",
    "\n",
    " \t\r\n ",
    "hello world",
    "Hello, World! It's 2024, isn't it? We'll see; they've gone, I'm here, he'd said.",
    "  leading and trailing  ",
    "double  space   triple    four",
    "tabs\tand\nnew\r\nlines\n\n\nend",
    "The quick brown fox jumps over the lazy dog.",
    "unbelievablyantidisestablishmentarianismical",
    "x" * 101,
    "ab" * 60,
    "1234567890 3.14159 1,000,000 0x1F 12e-5",
    "def f(x):\n    return x ** 2  # comment\n\n\tpass",
    "https://example.com/a?b=c&d=%20#frag user@example.org",
    "snake_case camelCase kebab-case SCREAMING_CASE",
    "...---...!!!???",
    "``quoted'' \"double\" 'single' «guillemets» “curly” ‘single’",
    "don't do not DON'T 's 'S n't",
    "caf\u00e9 cafe\u0301 na\u00efve r\u00e9sum\u00e9 \u00c5ngstr\u00f6m",
    "\u0130stanbul I\u0307 \u0131 \u00df \u1e9e \u017f",
    "\u039f\u0394\u039f\u03a3 \u03a3\u03a3 \u03c3\u03c2 \u1fb3",
    "\u4e2d\u6587\u5b57\u7b26 mixed\u4e2d\u6587text \U00020000\U0002a6df \U0002b820 \uf900",
    "\u65e5\u672c\u8a9e\u306e\u30c6\u30ad\u30b9\u30c8 \uff76\uff9e\uff77\uff9e \u3000\u5168\u89d2",
    "\ud55c\uad6d\uc5b4 \u1112\u1161\u11ab \uc548\ub155\ud558\uc138\uc694",
    "\u0e20\u0e32\u0e29\u0e32\u0e44\u0e17\u0e22 \u0e01\u0e33",
    "\u0928\u092e\u0938\u094d\u0924\u0947 \u0939\u093f\u0928\u094d\u0926\u0940",
    "\u0645\u0631\u062d\u0628\u0627 \u0628\u0627\u0644\u0639\u0627\u0644\u0645\u061f \u05e9\u05dc\u05d5\u05dd",
    "\u041f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440! \u0439\u0301",
    "\U0001f600 \U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f1e9\U0001f1ea \u2764\ufe0f \U0001f44d\U0001f3fd 1\ufe0f\u20e3",
    "zalgo: h\u0341\u0352e\u0301\u0301l\u0336l\u0337o\u0338",
    "\u200bzero\u200bwidth\u200c\u200d\u2060\ufeffjoin",
    "soft\u00adhyphen no\u00a0break thin\u2009space ideo\u3000graphic next\u0085line",
    "nul\u0000byte bell\u0007 esc\u001b del\u007f c1\u0090\u009f",
    "\ufffd replacement \ufffe\uffff",
    "\ue000private\U000f0000",
    "\u202eright to left\u202c \u2066isolate\u2069",
    "\ufb01 \ufb03 \u2460 \u00bd \u00b2 \u2122 \u2103 \uff21\uff22\uff23 \uff5e \u3231",
    "\u2581metaspace\u2581in text\u2581",
    "\u2581 \u2581\u2581",
    "\u0120byte\u010alevel",
    "##ing ing## # ## </w> \u2014dash\u2013dash\u2212minus",
    "[CLS] [SEP] [PAD][MASK] [UNK] [cls] [ SEP ]",
    "a[SEP]b [SEP]c d[SEP] e",
    "<s>start</s> <pad> <unk><mask>  <mask>x <S>",
    "before   <mask>   after",
    "<|begin_of_text|><|im_start|>user\nhi<|im_end|>\n<|end_of_text|><|im_",
    "<0x41><0x0A> <0xff> <0xE4><0xBD><0xA0>",
    "sword word words Word word's WORD wordword",
    "left   LSTRIP   right   RSTRIP   both   end",
    "normalised NORMALISED n\u00f6rmalised token TOKEN",
    "\u2e43\u061d\u166d punctuation of several ages\u2e4f",
    "\U0001e94a\u0897 marks of several ages\u1ac0",
    "\u0300starts with mark",
    "a\u0300\u0301\u0302b",
    "math: \u2211\u222b\u221a \U0001d400\U0001d4d0 \u03b1+\u03b2=\u03b3 \u2264\u2265",
    "price: $5 \u20ac5 \u00a35 \u00a55 50% \u00b0C",
    "{\"json\": [1, 2.5, null], \"k\": \"v\\n\"}",
    "\ud7ff\ue000\U0010ffff\U0001ffff",
    "The same words the same words the same words",
    "\r\n\r\n a\r\nb \r\n",
    "last",
]

MULTILINGUAL = [text for text in TEXTS for _ in range(3)]


def corpus():
    topics = pydoc_data.topics.topics
    lines = [line.strip() for key in sorted(topics)[:60] for line in topics[key].split("\n") if line.strip()]
    return lines[:2500] + MULTILINGUAL


def added():
    return [
        AddedToken("word", single_word=True, normalized=True),
        AddedToken("LSTRIP", lstrip=True, normalized=False),
        AddedToken("RSTRIP", rstrip=True, normalized=False),
        AddedToken("token", normalized=True),
        AddedToken("<|im_start|>", normalized=False, special=True),
        AddedToken("<|im_end|>", normalized=False, special=True),
    ]


def bert_template(tokenizer):
    return processors.TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0",
        pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1",
        special_tokens=[("[CLS]", tokenizer.token_to_id("[CLS]")), ("[SEP]", tokenizer.token_to_id("[SEP]"))],
    )


BERT_SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
ROBERTA_SPECIALS = ["<s>", "<pad>", "</s>", "<unk>"]
LLAMA3_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
O200K_SPLIT = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
    r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def wordpiece_uncased():
    t = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    t.normalizer = normalizers.BertNormalizer(lowercase=True)
    t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    t.decoder = decoders.WordPiece()
    t.train_from_iterator(corpus(), trainers.WordPieceTrainer(vocab_size=1100, special_tokens=BERT_SPECIALS, show_progress=False))
    t.post_processor = bert_template(t)
    return t


def wordpiece_cased():
    t = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=40))
    t.normalizer = normalizers.BertNormalizer(lowercase=False, handle_chinese_chars=False)
    t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    t.decoder = decoders.WordPiece(cleanup=False)
    t.train_from_iterator(corpus(), trainers.WordPieceTrainer(vocab_size=1000, special_tokens=BERT_SPECIALS, show_progress=False))
    t.post_processor = processors.BertProcessing(("[SEP]", t.token_to_id("[SEP]")), ("[CLS]", t.token_to_id("[CLS]")))
    t.add_tokens(added())
    return t


def byte_level(split, specials, vocab=900, **model):
    t = Tokenizer(models.BPE(**model))
    t.pre_tokenizer = split
    t.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab, special_tokens=specials, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    t.train_from_iterator(corpus(), trainer)
    return t


def bpe_gpt2():
    t = byte_level(pre_tokenizers.ByteLevel(add_prefix_space=False), ["<|endoftext|>"])
    t.post_processor = processors.ByteLevel(trim_offsets=False)
    return t


def bpe_roberta():
    t = byte_level(pre_tokenizers.ByteLevel(add_prefix_space=True), ROBERTA_SPECIALS)
    t.add_special_tokens([AddedToken("<mask>", lstrip=True, normalized=False)])
    t.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=True, add_prefix_space=True)
    return t


def bpe_llama3():
    split = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(LLAMA3_SPLIT), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    t = byte_level(split, ["<|begin_of_text|>", "<|end_of_text|>"], ignore_merges=True)
    t.add_tokens(added())
    template = processors.TemplateProcessing(
        single="<|begin_of_text|> $A", pair="<|begin_of_text|> $A <|begin_of_text|>:1 $B:1", special_tokens=[("<|begin_of_text|>", 0)]
    )
    t.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), template])
    return t


def bpe_o200k():
    split = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(O200K_SPLIT), "removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    t = byte_level(split, ["<|end_of_text|>"])
    t.normalizer = normalizers.NFC()
    t.post_processor = processors.TemplateProcessing(single="$A:1 <|end_of_text|>:1", special_tokens=[("<|end_of_text|>", 0)])
    return t


def byte_tokens():
    return [f"<0x{byte:02X}>" for byte in range(256)]


def sentencepiece_bpe(specials):
    t = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    t.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    trainer = trainers.BpeTrainer(vocab_size=1000, special_tokens=specials, limit_alphabet=200, show_progress=False)
    t.train_from_iterator(corpus(), trainer)
    return t


def bpe_llama2():
    t = sentencepiece_bpe(["<unk>", "<s>", "</s>"] + byte_tokens())
    # As in Llama 2: the marks are put by the normaliser and the whole text is one word.
    t.pre_tokenizer = None
    t.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    t.decoder = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    t.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return drop_added(t, byte_tokens())


def bpe_metaspace_first():
    t = sentencepiece_bpe(["<unk>", "<s>", "</s>"])
    t.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    t.decoder = decoders.Metaspace(prepend_scheme="first", split=False)
    t.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)])
    t.add_tokens(added())
    return t


def bpe_end_of_word():
    t = Tokenizer(models.BPE(unk_token="<unk>", end_of_word_suffix="</w>", fuse_unk=False))
    t.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()])
    t.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"), "removed", invert=True),
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.Punctuation(),
        ]
    )
    t.decoder = decoders.BPEDecoder(suffix="</w>")
    trainer = trainers.BpeTrainer(
        vocab_size=900, special_tokens=["<unk>", "<s>", "</s>"], end_of_word_suffix="</w>", limit_alphabet=120, show_progress=False
    )
    t.train_from_iterator(corpus(), trainer)
    t.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 1), trim_offsets=False, add_prefix_space=False)
    return t


def bpe_continuing():
    t = Tokenizer(models.BPE(unk_token="<unk>", continuing_subword_prefix="##", fuse_unk=True))
    t.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split("-", "merged_with_previous"), pre_tokenizers.Split("_", "merged_with_next"), pre_tokenizers.Split(Regex(" +"), "contiguous")]
    )
    t.decoder = decoders.WordPiece(prefix="##")
    trainer = trainers.BpeTrainer(
        vocab_size=800, special_tokens=["<unk>"], continuing_subword_prefix="##", limit_alphabet=100, show_progress=False
    )
    t.train_from_iterator(corpus(), trainer)
    return t


RULES = {
    "\t": " ", "\n": " ", "\r": " ", "\r\n": " ", "\u0085": " ", "\u00a0": " ", "\u2009": " ", "\u3000": " ", "\u200b": " ", "\u200c": " ",
    "\u200d": " ", "\ufeff": " ", "\u0007": "", "\u001b": "", "\u007f": "", "\u009f": "", "\u00ad": "", "\ufb01": "fi", "\ufb03": "ffi",
    "\u2460": "1", "\u00bd": "1\u20442", "\u00b2": "2", "\u2122": "TM", "\u2103": "\u00b0C", "\uff21": "A", "\uff22": "B", "\uff23": "C",
    "\u3231": "(\u682a)", "\uff76": "\u30ab", "\uff77": "\u30ad", "\uff76\uff9e": "\u30ac", "\uff77\uff9e": "\u30ae", "e\u0301": "\u00e9",
    "\u1112\u1161\u11ab": "\ud55c", "\u0439\u0301": "\u0439", "\U0001d400": "A", "\U0001d4d0": "A", "\u2026": "...", "\uf900": "\u8c48",
    "\u0e33": "\u0e4d\u0e32", "I\u0307": "\u0130",
}  # fmt: skip


def character_map():
    """A SentencePiece character map of the rules above, compiled by SentencePiece itself (its own maps are 300 kB)."""
    with tempfile.TemporaryDirectory() as folder:
        rules = pathlib.Path(folder) / "rules.tsv"
        codes = lambda text: " ".join(f"{ord(c):04X}" for c in text)  # noqa: E731
        rules.write_text("".join(f"{codes(a)}\t{codes(b)}\n" for a, b in sorted(RULES.items())))
        text = pathlib.Path(folder) / "text.txt"
        text.write_text("\n".join(corpus()[:500]))
        sentencepiece.SentencePieceTrainer.train(
            input=str(text), model_prefix=f"{folder}/m", vocab_size=150, normalization_rule_tsv=str(rules), minloglevel=2,
            character_coverage=0.98,
        )  # fmt: skip
        model = sentencepiece_model_pb2.ModelProto()
        model.ParseFromString(pathlib.Path(f"{folder}/m.model").read_bytes())
        return model.normalizer_spec.precompiled_charsmap


def unigram(pre_tokenizer, normalizer, specials, **trainer_options):
    t = Tokenizer(models.Unigram())
    t.normalizer = normalizer
    t.pre_tokenizer = pre_tokenizer
    trainer = trainers.UnigramTrainer(
        vocab_size=900, special_tokens=specials, unk_token="<unk>", max_piece_length=12, show_progress=False, **trainer_options
    )
    t.train_from_iterator([line for line in corpus() if line.strip()], trainer)
    return t


def unigram_xlm_roberta():
    normalizer = normalizers.Sequence([normalizers.Precompiled(character_map()), normalizers.Replace(Regex(" {2,}"), " ")])
    split = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(prepend_scheme="always")])
    t = unigram(split, normalizer, ["<s>", "<pad>", "</s>", "<unk>"])
    t.decoder = decoders.Metaspace()
    t.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    t.add_special_tokens([AddedToken("<mask>", lstrip=True, normalized=False)])
    return t


def unigram_albert():
    normalizer = normalizers.Sequence(
        [
            normalizers.Nmt(),
            normalizers.Replace("``", '"'),
            normalizers.Replace("''", '"'),
            normalizers.NFKD(),
            normalizers.StripAccents(),
            normalizers.Lowercase(),
            normalizers.Strip(),
        ]
    )
    t = unigram(pre_tokenizers.Metaspace(prepend_scheme="always"), normalizer, ["<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"])
    t.decoder = decoders.Metaspace(prepend_scheme="always")
    t.post_processor = bert_template(t)
    t.add_tokens(added())
    return t


def unigram_byte_fallback():
    t = unigram(pre_tokenizers.Metaspace(prepend_scheme="never"), None, ["<unk>", "<s>"] + byte_tokens(), initial_alphabet=[])
    data = json.loads(t.to_str())
    data["model"]["byte_fallback"] = True
    t = Tokenizer.from_str(json.dumps(data))
    t.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace(prepend_scheme="never")])
    return drop_added(t, byte_tokens())


def word_level():
    t = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    t.normalizer = normalizers.Sequence([normalizers.NFD(), normalizers.Lowercase(), normalizers.StripAccents(), normalizers.NFKC()])
    t.pre_tokenizer = pre_tokenizers.Whitespace()
    t.train_from_iterator(corpus(), trainers.WordLevelTrainer(vocab_size=400, special_tokens=BERT_SPECIALS, show_progress=False))
    t.post_processor = bert_template(t)
    return t


def drop_added(t, contents):
    """Byte tokens belong to the vocabulary, not to the tokens that are looked for in the text."""
    data = json.loads(t.to_str())
    data["added_tokens"] = [token for token in data["added_tokens"] if token["content"] not in contents]
    return Tokenizer.from_str(json.dumps(data))


def vector(t, text):
    full = t.encode(text)
    bare = t.encode(text, add_special_tokens=False)
    cut = {}
    for limit in (3, 8):
        t.enable_truncation(max_length=limit)
        cut[limit] = t.encode(text).ids
        t.no_truncation()
    return {
        "text": text,
        "ids": full.ids,
        "typeIds": full.type_ids,
        "bare": bare.ids,
        "tokens": full.tokens,
        "offsets": [offset for pair in full.offsets for offset in pair],
        "decoded": t.decode(full.ids, skip_special_tokens=False),
        "skipped": t.decode(full.ids, skip_special_tokens=True),
        "cut3": cut[3],
        "cut8": cut[8],
    }


def write(name, t, pad=False):
    folder = OUT / name
    folder.mkdir(parents=True, exist_ok=True)
    vectors = [vector(t, text) for text in TEXTS]
    if pad:  # Must make no difference to a reader that ignores both.
        t.enable_truncation(max_length=5)
        t.enable_padding(length=12)
    compact = {"ensure_ascii": False, "separators": (",", ":")}
    (folder / "tokenizer.json").write_text(json.dumps(json.loads(t.to_str()), **compact) + "\n", encoding="utf-8")
    lines = ",\n".join(json.dumps(v, ensure_ascii=True, separators=(",", ":")) for v in vectors)
    (folder / "vectors.json").write_text(f'{{"reference":"tokenizers {__version__}","vectors":[\n{lines}\n]}}\n', encoding="utf-8")
    print(name, t.get_vocab_size(), (folder / "tokenizer.json").stat().st_size, (folder / "vectors.json").stat().st_size)


def main():
    write("wordpiece-uncased", wordpiece_uncased(), pad=True)
    for make in (
        wordpiece_cased, bpe_gpt2, bpe_roberta, bpe_llama3, bpe_o200k, bpe_llama2, bpe_metaspace_first, bpe_end_of_word, bpe_continuing,
        unigram_xlm_roberta, unigram_albert, unigram_byte_fallback, word_level,
    ):  # fmt: skip
        write(make.__name__.replace("_", "-"), make())


main()
