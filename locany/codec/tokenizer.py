"""Text to ids and back, from the published vocabulary files (spec `locateanything` 2.1).

Two ways in: `encode` reads special tokens out of the text, for whole rendered conversations; `encode_plain`
never does, so that a user's phrase with a literal `<box>` in it stays a phrase.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Regex, decoders, models, normalizers, pre_tokenizers
from tokenizers import Tokenizer as _Tokenizer

from locany.codec.vocab import COMMA, DIGITS, NONE_WORDS, Vocab
from locany.errors import CheckpointConfigError, CheckpointNotFoundError

VOCAB_FILES = ("vocab.json", "merges.txt", "added_tokens.json")
# Qwen2's classes of text pieces: contractions; letters with one leading sign; single digits; punctuation with
# its newlines; newlines; trailing blanks; blanks.
_PIECES = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+"
)


class Tokenizer:
    """Byte-level BPE plus the added tokens, and the `Vocab` of structural ids.

    Args:
        base: ordinary token to id, 0 .. n - 1, all 256 bytes among them.
        merges: pairs of tokens, first merged first.
        added: added token to id, n, n + 1, ...
        config: the published `config.json`.
        sources: the files that base, merges and added were read from, for messages.

    Raises:
        CheckpointConfigError: the tables are not like that, or contradict the config.
    """

    def __init__(
        self,
        base: dict[str, int],
        merges: Sequence[tuple[str, str]],
        added: dict[str, int],
        config: Any,
        sources: Sequence[str] = VOCAB_FILES,
    ):
        base_file, merges_file, added_file = sources
        _check_ids(base, 0, base_file)
        _check_ids(added, len(base), added_file)
        missing = [byte for byte in pre_tokenizers.ByteLevel.alphabet() if byte not in base]
        if missing:
            raise CheckpointConfigError(
                f"{base_file}: {len(missing)} of the 256 byte tokens are missing, e.g. {min(missing)!r}"
            )
        try:
            self._plain = _byte_level_bpe(base, merges)
            self._full = _byte_level_bpe(base, merges)
        except Exception as error:  # the Rust side raises bare Exception
            files = " and ".join(dict.fromkeys((base_file, merges_file)))
            raise CheckpointConfigError(f"{files}: tokens and merges do not fit together: {error}") from None
        texts = sorted(added, key=added.__getitem__)
        self._full.add_tokens([AddedToken(text, normalized=False, special=True) for text in texts])
        for text in texts:
            if self._full.token_to_id(text) != added[text]:
                raise CheckpointConfigError(
                    f"{added_file}: {text!r} cannot be an added token; it is empty or an ordinary token too"
                )
        words = {word: base[word] for word in (*NONE_WORDS, *DIGITS, COMMA) if word in base}
        self.vocab = Vocab.from_json(config, {**added, **words})
        self._added = added
        self._num_base = len(base)
        self._num_tokens = len(base) + len(added)
        if not self.is_text(self.vocab.none):
            raise CheckpointConfigError(
                f"config.json: none_token_id is {self.vocab.none}, expected the id of an ordinary word"
            )

    @classmethod
    def from_folder(cls, folder: Path) -> Tokenizer:
        """Read the vocabulary files (or `tokenizer.json`), and the ids of `config.json`.

        Raises:
            CheckpointNotFoundError: a file is missing.
            CheckpointConfigError: a file is not what it should be.
        """
        config = _read_json(folder / "config.json")
        missing = [name for name in VOCAB_FILES if not (folder / name).is_file()]
        one_file = folder / "tokenizer.json"
        if missing and not one_file.is_file():
            raise CheckpointNotFoundError(
                f"{folder}: no vocabulary; missing {', '.join(missing)} (and there is no tokenizer.json); "
                "the folder must hold the tokenizer files of the release"
            )
        if missing:
            base, merges, added = _read_tokenizer_json(one_file)
        else:
            base, added = _read_json(folder / "vocab.json"), _read_json(folder / "added_tokens.json")
            merges = _read_merges(folder / "merges.txt")
        try:
            return cls(base, merges, added, config, (one_file.name,) * 3 if missing else VOCAB_FILES)
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

    def is_text(self, token_id: int) -> bool:
        """Whether this is an ordinary token: neither an added one nor outside the vocabulary."""
        return 0 <= token_id < self._num_base

    def decode(self, ids: Iterable[int]) -> str:
        """Text of ids, special tokens kept; what is no UTF-8 and ids without a token become U+FFFD."""
        pieces = []
        for known, run in groupby(ids, lambda token_id: 0 <= token_id < self._num_tokens):
            tokens = list(run)
            pieces.append(
                self._full.decode(tokens, skip_special_tokens=False) if known else "\ufffd" * len(tokens)
            )
        return "".join(pieces)


def _check_ids(table: dict[str, int], start: int, source: str) -> None:
    ids = list(table.values())
    if not ids or not all(isinstance(i, int) and not isinstance(i, bool) for i in ids):
        raise CheckpointConfigError(f"{source}: expected an object from token to id")
    if sorted(ids) != list(range(start, start + len(ids))):
        raise CheckpointConfigError(
            f"{source}: the ids of its {len(ids)} tokens must be {start} .. {start + len(ids) - 1} "
            f"without gaps, got {min(ids)} .. {max(ids)}"
        )


def _byte_level_bpe(base: dict[str, int], merges: Sequence[tuple[str, str]]) -> _Tokenizer:
    tokenizer = _Tokenizer(models.BPE(vocab=base, merges=list(merges), fuse_unk=False, byte_fallback=False))
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


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise CheckpointNotFoundError(f"{path}: not found; a checkpoint folder must hold it") from None
    except UnicodeDecodeError as error:
        raise CheckpointConfigError(f"{path}: not UTF-8 text ({error}); download the file again") from None


def _read_json(path: Path) -> Any:
    try:
        raw = json.loads(_read_text(path))
    except json.JSONDecodeError as error:
        raise CheckpointConfigError(f"{path}: not valid JSON ({error}); download the file again") from None
    if not isinstance(raw, dict):
        raise CheckpointConfigError(f"{path}: expected a JSON object, got {type(raw).__name__}")
    return raw


def _read_tokenizer_json(path: Path) -> tuple[dict[str, int], list[tuple[str, str]], dict[str, int]]:
    """Base vocabulary, merges and added tokens of the one-file form; its other settings are ours anyway."""
    raw = _read_json(path)
    try:
        added = {token["content"]: token["id"] for token in raw["added_tokens"]}
        base = {text: id_ for text, id_ in raw["model"]["vocab"].items() if text not in added}
        pairs = [m.split(" ") if isinstance(m, str) else m for m in raw["model"]["merges"]]
        merges = [(str(left), str(right)) for left, right in pairs]
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise CheckpointConfigError(
            f"{path}: expected a byte-level BPE tokenizer ({type(error).__name__}: {error})"
        ) from None
    return base, merges, added


def _read_merges(path: Path) -> list[tuple[str, str]]:
    merges = []
    for number, line in enumerate(_read_text(path).split("\n"), start=1):
        if (number == 1 and line.startswith("#version")) or not line.strip():
            continue
        left, _, right = line.partition(" ")
        if not left or not right or " " in right:
            raise CheckpointConfigError(
                f"{path}, line {number}: expected two tokens and one blank, got {line!r}"
            )
        merges.append((left, right))
    return merges
