"""A tiny Whisper of the real architecture that says what a test tells it to say.

The vocabulary has Whisper's size and its special tokens in their places; the texts are bytes. The
weights are written, not trained: attention adds nothing, and the decoder's feed-forward layer maps
each token's own direction to the next token's. So the network is a table of what follows what,
started by ``<|transcribe|>`` or ``<|translate|>``, run by CTranslate2 and faster-whisper as any
other Whisper.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

BYTES_END = 50_257  # where Whisper's special tokens begin
LANGUAGES = (  # noqa: SIM905
    "en zh de es ru ko fr ja pt tr pl ca nl ar sv it id hi fi vi he uk el ms cs ro da hu ta no th "
    "ur hr bg lt la mi ml cy sk te fa lv bn sr az sl kn et mk br eu is hy ne mn bs kk sq sw gl mr "
    "pa si km sn yo so af oc ka be tg sd gu am yi lo uz fo ht ps tk nn mt sa lb my bo tl mg as tt "
    "haw ln ha ba jw su"
).split()
SPECIAL = (
    "<|endoftext|>",
    "<|startoftranscript|>",
    *(f"<|{language}|>" for language in LANGUAGES),
    "<|translate|>",
    "<|transcribe|>",
    "<|startoflm|>",
    "<|startofprev|>",
    "<|nospeech|>",
    "<|notimestamps|>",
)
TIMESTAMPS = BYTES_END + len(SPECIAL)
VOCABULARY = TIMESTAMPS + 1501
WIDTH = 256

Say = Sequence[tuple[float, str, float]]  # (start_s, text, end_s)


def write_whisper(
    folder: Path,
    says: Say,
    translates: Say = (),
    *,
    languages: dict[str, float] | None = None,
    hears_nothing: bool = False,
    sure: float = 20.0,
) -> Path:
    """Write a Whisper in CTranslate2's format.

    Args:
        folder: to be made.
        says: what it transcribes in each window of 30 s, times in steps of 0.02 s. No word may
            stand twice, neither here nor in ``translates``.
        translates: what it gives when asked to translate.
        languages: how strongly each language is heard; English alone where None.
        hears_nothing: it says with a high probability that nobody speaks.
        sure: logit of the next token; all others have 0. Below 11 it is unsure of its words.
    """
    import torch
    from ctranslate2.converters import TransformersConverter
    from transformers import WhisperConfig, WhisperForConditionalGeneration

    torch.manual_seed(0)
    words = [f" {word}" for _, text, _ in (*says, *translates) for word in text.split()]
    assert len(set(words)) == len(words), "each word may stand once"
    chains = _chains(words, says, translates)
    pairs = [(a, b, 1.0) for chain in chains for a, b in pairwise(chain)]
    start = _special("<|startoftranscript|>")
    heard = languages or {"en": 1.0}
    pairs += [(start, _special(f"<|{name}|>"), share) for name, share in heard.items()]
    if hears_nothing:
        pairs.append((start, _special("<|nospeech|>"), 1.0))
    used = list(dict.fromkeys(token for a, b, _ in pairs for token in (a, b)))
    assert len(used) <= WIDTH, "too much text for so small a network"
    at = {token: index for index, token in enumerate(used)}

    config = WhisperConfig(
        vocab_size=VOCABULARY, d_model=WIDTH, encoder_layers=1, decoder_layers=1,
        encoder_attention_heads=4, decoder_attention_heads=4, encoder_ffn_dim=WIDTH,
        decoder_ffn_dim=WIDTH, bos_token_id=BYTES_END, eos_token_id=BYTES_END,
        pad_token_id=BYTES_END, decoder_start_token_id=start,
    )  # fmt: skip
    model = WhisperForConditionalGeneration(config).eval()
    generation: Any = model.generation_config
    generation._from_model_config = False  # or these fields would be lost on loading
    generation.suppress_tokens = []
    generation.begin_suppress_tokens = [BYTES_END]
    generation.alignment_heads = [[0, 0]]
    generation.lang_to_id = {f"<|{name}|>": _special(f"<|{name}|>") for name in LANGUAGES}
    with torch.no_grad():
        decoder: Any = model.model.decoder
        layer = decoder.layers[0]
        decoder.embed_positions.weight.zero_()
        decoder.embed_tokens.weight.zero_()
        # A layer norm makes sqrt(WIDTH) of one direction.
        for token, index in at.items():
            decoder.embed_tokens.weight[token, index] = sure / WIDTH**0.5
        if hears_nothing:
            silent = _special("<|nospeech|>")
            decoder.embed_tokens.weight[silent, at[silent]] = 40.0 / WIDTH**0.5
        for attention in (layer.self_attn, layer.encoder_attn):
            attention.out_proj.weight.zero_()
            attention.out_proj.bias.zero_()
        layer.fc1.weight.copy_(torch.eye(WIDTH))
        layer.fc1.bias.fill_(-6.0)
        layer.fc2.weight.zero_()
        layer.fc2.bias.zero_()
        for before, after, share in pairs:
            layer.fc2.weight[at[after], at[before]] = 10.0 * share
    source = folder.with_name(folder.name + "-source")
    model.save_pretrained(source)
    _write_tokenizer(source, words)
    converter = TransformersConverter(str(source), copy_files=["tokenizer.json"])
    converter.convert(str(folder), quantization="int8", force=True)
    return folder


def _special(name: str) -> int:
    return BYTES_END + SPECIAL.index(name)


def _chains(words: Sequence[str], says: Say, translates: Say) -> list[list[int]]:
    """What follows what; each token stands once, so that the next one is known from it."""
    token = {word: 256 + number for number, word in enumerate(words)}
    taken: set[int] = set()

    def time(seconds: float) -> int:
        found = TIMESTAMPS + round(seconds / 0.02)
        while found in taken:
            found += 1
        taken.add(found)
        return found

    chains = []
    for first, stretches in (("<|transcribe|>", says), ("<|translate|>", translates)):
        chain = [_special(first)]
        for start_s, text, end_s in stretches:
            chain.append(time(start_s))
            chain += [token[f" {word}"] for word in text.split()]
            chain.append(time(end_s))
        chains.append([*chain, BYTES_END])
    return chains


def _write_tokenizer(folder: Path, words: Sequence[str]) -> None:
    """Byte-level BPE without merges: bytes, then the words, then fillers up to the specials."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    letters = _byte_letters()
    entries = [letters[byte] for byte in range(256)]
    entries += ["".join(letters[byte] for byte in word.encode()) for word in words]
    entries += [f"<filler {number}>" for number in range(len(entries), BYTES_END - 1)]
    entries.append("")  # as in Whisper; CTranslate2 knows a multilingual one by it
    tokenizer = Tokenizer(models.BPE({entry: i for i, entry in enumerate(entries)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(name, special=True) for name in SPECIAL])
    assert tokenizer.get_vocab_size() == TIMESTAMPS
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {"tokenizer_class": "PreTrainedTokenizerFast"}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))


def _byte_letters() -> dict[int, str]:
    """How byte-level BPE writes each byte (Radford et al., 2019)."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = {byte: chr(byte) for byte in plain}
    for byte in range(256):
        if byte not in letters:
            letters[byte] = chr(256 + len(letters) - len(plain))
    return letters
