"""A small multilingual encoder that says which task a request is and how hard it is."""

from __future__ import annotations

import json
from importlib.resources import as_file, files
from typing import Any

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

__all__ = ["Encoder"]

# Tokens. Of a longer ask both ends are read, of what came before it too; of instructions, their head.
LONGEST = 128
BEFORE = 40
SYSTEM = 30
_EDGES = 4
_START, _END = 0, 2
_CHARACTERS = 2048  # that are tokenised of either end


class Encoder:
    """The packaged weights behind one call; for one thread at a time, and it uses one core.

    The encoder is multilingual-e5-small (arXiv 2402.05672, MIT), cut to every other layer and to the
    frequent part of its vocabulary, fine-tuned on Headrace's labelled requests, weights in int8.
    """

    def __init__(self) -> None:
        here = files(__name__)
        about: dict[str, Any] = json.loads(here.joinpath("about.json").read_bytes())
        self.labels: tuple[str, ...] = tuple(about["labels"])
        self._temperature: float = about["temperature"]
        self._tokens = Tokenizer.from_buffer(here.joinpath("tokenizer.json").read_bytes())
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        with as_file(here.joinpath("model.onnx")) as path:
            self._session = onnxruntime.InferenceSession(path, options, ["CPUExecutionProvider"])

    def classify(self, text: str, before: str = "", system: str = "") -> tuple[list[float], float]:
        """Probabilities in the order of `labels`, and difficulty in 0..1, of an ask in its context."""
        ids = np.array([self.tokens(text, before, system)], np.int64)
        (found,) = self._session.run(["out"], {"ids": ids})
        *logits, difficulty = found[0].tolist()
        powers = np.exp((np.array(logits) - max(logits)) / self._temperature)
        return (powers / powers.sum()).tolist(), min(max(difficulty, 0.0), 1.0)

    def tokens(self, text: str, before: str, system: str) -> list[int]:
        """The ids that are scored: the ask, what it refers to, the instructions above it."""
        asked, referred, above = (self._encoded(part) for part in (text, before, system))
        room = LONGEST - SYSTEM - _EDGES - (BEFORE if referred else 0)
        if len(asked) > room:
            asked = asked[: room - room // 3] + asked[-(room // 3) :]
        if len(referred) > BEFORE:
            referred = referred[: BEFORE // 2] + referred[-(BEFORE // 2) :]
        ids = [_START, *asked, _END]
        if referred:
            ids += [*referred, _END]
        if above:
            ids += [*([] if referred else [_END]), *above[:SYSTEM], _END]
        return ids

    def _encoded(self, text: str) -> list[int]:
        if len(text) > 2 * _CHARACTERS:
            text = text[:_CHARACTERS] + text[-_CHARACTERS:]
        text = text.encode("utf-8", "replace").decode()  # a lone surrogate is no text
        ids: list[int] = self._tokens.encode(text, add_special_tokens=False).ids
        return ids
