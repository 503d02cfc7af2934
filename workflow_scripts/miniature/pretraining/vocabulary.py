"""The base model's tokenizer: CLIP's byte-pair encoding, learned on the miniature's captions."""

import json
import re
from collections.abc import Iterable
from pathlib import Path

import torch
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import CLIPTokenizer, PreTrainedTokenizerBase

from workflow_scripts import artifacts
from workflow_scripts.cli import canonical_json

START, END = "<|startoftext|>", "<|endoftext|>"
# CLIP's own split into words; the file format of its tokenizer implies it.
WORDS = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
INITIALIZERS = {"object": "<instance>", "style": "<artist>"}  # tokens that V* starts from
NEW_WORD = re.compile(r"<[^>]+> ?")


def train_tokenizer(captions: Iterable[str], size: int, length: int, folder: Path) -> CLIPTokenizer:
    """Learns `size` byte pairs from captions (their instance words left out) and saves a CLIPTokenizer.

    `length` is the number of positions of the text tower.
    """
    bpe = Tokenizer(models.BPE(unk_token=END, end_of_word_suffix="</w>"))
    bpe.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    split = pre_tokenizers.Split(Regex(WORDS), behavior="removed", invert=True)
    bpe.pre_tokenizer = pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False)])
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=size, initial_alphabet=alphabet, end_of_word_suffix="</w>", show_progress=False
    )
    bpe.train_from_iterator((NEW_WORD.sub("", caption) for caption in captions), trainer)
    return _save(bpe, alphabet, length, folder)


def _save(bpe: Tokenizer, alphabet: list[str], length: int, folder: Path) -> CLIPTokenizer:
    merges = [tuple(pair) for pair in json.loads(bpe.to_str())["model"]["merges"]]
    pieces = [*alphabet, *(letter + "</w>" for letter in alphabet), *("".join(pair) for pair in merges), START, END]
    vocabulary = {piece: index for index, piece in enumerate(dict.fromkeys(pieces))}
    artifacts.write_text(folder / "vocab.json", canonical_json(vocabulary), sidecar=False)
    lines = ["#version: 0.2", *(" ".join(pair) for pair in merges), ""]
    artifacts.write_text(folder / "merges.txt", "\n".join(lines), sidecar=False)
    tokenizer = CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=length)
    tokenizer.add_tokens(list(INITIALIZERS.values()))
    tokenizer.save_pretrained(folder)
    return CLIPTokenizer.from_pretrained(folder)


def tokenize(tokenizer: PreTrainedTokenizerBase, captions: Iterable[str]) -> torch.Tensor:
    """Token ids [n, positions] of captions, padded and cut."""
    options = {"padding": "max_length", "truncation": True, "max_length": tokenizer.model_max_length}
    return tokenizer(list(captions), **options, return_tensors="pt").input_ids
