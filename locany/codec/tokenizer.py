"""Text to ids and back, from the published vocabulary files (spec `locateanything` 2.1).

Two ways in: `encode` reads special tokens out of the text, for whole rendered conversations; `encode_plain`
never does, so that a user's phrase with a literal `<box>` in it stays a phrase.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Regex, decoders, models, normalizers, pre_tokenizers
from tokenizers import Tokenizer as _Tokenizer

from locany.codec.vocab import NONE_WORDS, Vocab
from locany.errors import CheckpointConfigError, CheckpointNotFoundError

VOCAB_FILES = ("vocab.json", "merges.txt", "added_tokens.json")
# Qwen2's classes of text pieces: contractions; letters with one leading sign; single digits; punctuation with
# its newlines; newlines; trailing blanks; blanks.
_PIECES = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+"
)


class Tokenizer:
    """Byte-level BPE plus the added tokens, and the `Vocab` of structural ids."""

    def __init__(self, base: dict[str, int], merges: Sequence[tuple[str, str]], added: dict[str, int], config: Any):
        self._plain = _byte_level_bpe(base, merges)
        self._full = _byte_level_bpe(base, merges)
        first_added = len(base)
        if sorted(added.values()) != list(range(first_added, first_added + len(added))):
            raise CheckpointConfigError(
                f"added_tokens.json: the ids must follow the {first_added} base tokens without gaps, "
                f"got {min(added.values(), default=None)} .. {max(added.values(), default=None)}"
            )
        for text in sorted(added, key=added.__getitem__):
            self._full.add_tokens([AddedToken(text, normalized=False, special=True)])
        words = {word: base[word] for word in NONE_WORDS if word in base}
        self.vocab = Vocab.from_json(config, {**added, **words})
        self._added = added

    @classmethod
    def from_folder(cls, folder: Path) -> Tokenizer:
        """Read `vocab.json`, `merges.txt`, `added_tokens.json` (or `tokenizer.json`) and the ids of `config.json`.

        Raises:
            CheckpointNotFoundError: a file is missing.
            CheckpointConfigError: a file is not what it should be.
        """
        config = _read_json(folder / "config.json")
        if all((folder / name).is_file() for name in VOCAB_FILES):
            base = _read_json(folder / "vocab.json")
            added = _read_json(folder / "added_tokens.json")
            merges = _read_merges(folder / "merges.txt")
        elif (folder / "tokenizer.json").is_file():
            raw = _read_json(folder / "tokenizer.json")
            try:
                base = raw["model"]["vocab"]
                merges = [tuple(m.split(" ")) if isinstance(m, str) else tuple(m) for m in raw["model"]["merges"]]
                added = {token["content"]: token["id"] for token in raw["added_tokens"]}
            except (KeyError, TypeError) as error:
                raise CheckpointConfigError(
                    f"{folder / 'tokenizer.json'}: expected a byte-level BPE tokenizer, missing {error}"
                ) from None
            base = {text: id_ for text, id_ in base.items() if text not in added}
        else:
            missing = [name for name in VOCAB_FILES if not (folder / name).is_file()]
            raise CheckpointNotFoundError(
                f"{folder}: no vocabulary; missing {', '.join(missing)} (and there is no tokenizer.json); "
                "the folder must hold the tokenizer files of the release"
            )
        for name, table in (("vocab.json", base), ("added_tokens.json", added)):
            if not table or not all(isinstance(v, int) for v in table.values()):
                raise CheckpointConfigError(f"{folder / name}: expected an object from token to id")
        try:
            return cls(base, merges, added, config)
        except CheckpointConfigError as error:
            raise CheckpointConfigError(f"{folder}: {error}") from None

    def encode(self, text: str) -> list[int]:
        """Ids of text in which added tokens count as such."""
        return list(self._full.encode(text, add_special_tokens=False).ids)

    def encode_plain(self, text: str) -> list[int]:
        """Ids of a user's text: nothing in it is a special token."""
        return list(self._plain.encode(text, add_special_tokens=False).ids)

    def token_id(self, text: str) -> int:
        """Id of an added token.

        Raises:
            KeyError: there is no such added token.
        """
        return self._added[text]

    def decode(self, ids: Iterable[int]) -> str:
        """Text of ids, special tokens kept; bytes that are no UTF-8 become U+FFFD."""
        return str(self._full.decode(list(ids), skip_special_tokens=False))


def _byte_level_bpe(base: dict[str, int], merges: Sequence[tuple[str, str]]) -> _Tokenizer:
    try:
        tokenizer = _Tokenizer(models.BPE(vocab=base, merges=list(merges), fuse_unk=False, byte_fallback=False))
    except Exception as error:  # the Rust side raises bare Exception
        raise CheckpointConfigError(f"vocab.json and merges.txt do not fit together: {error}") from None
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = split_pieces()
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def split_pieces() -> pre_tokenizers.PreTokenizer:
    """The pieces inside which BPE merges, as bytes."""
    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_PIECES), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )


def _read_json(path: Path) -> Any:
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CheckpointNotFoundError(f"{path}: not found; a checkpoint folder must hold it") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise CheckpointConfigError(f"{path}: not valid JSON ({error}); download the file again") from None
    if not isinstance(raw, dict):
        raise CheckpointConfigError(f"{path}: expected a JSON object, got {type(raw).__name__}")
    return raw


def _read_merges(path: Path) -> list[tuple[str, str]]:
    merges = []
    lines = path.read_text(encoding="utf-8").split("\n")
    for number, line in enumerate(lines, start=1):
        if (number == 1 and line.startswith("#version")) or not line.strip():
            continue
        left, _, right = line.rstrip("\r").partition(" ")
        if not right or " " in right:
            raise CheckpointConfigError(f"{path}, line {number}: expected two tokens and one blank, got {line!r}")
        merges.append((left, right))
    return merges
