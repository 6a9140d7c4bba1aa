"""The hot path's byte work: compiled where the extensions are built, plain Python elsewhere.

Both halves give the same results; `fastpath.pure` is the specification. It is all or nothing:
`HEADRACE_PURE=1`, or any one extension missing, means plain Python throughout.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING

from fastpath.errors import BodyError
from fastpath.matcher import ENGINE, Matcher


def _built() -> bool:
    try:
        for name in ("_json", "_rank", "_sse", "_text"):
            import_module(f"fastpath.{name}")
    except ImportError:
        return False
    return True


COMPILED: bool = os.environ.get("HEADRACE_PURE") != "1" and _built()

if TYPE_CHECKING or COMPILED:
    from fastpath._json import AUDIO, FILE, IMAGE, MAX_DEPTH, Peek, peek, splice
    from fastpath._rank import RankTable
    from fastpath._sse import MAX_EVENT, OpenAIScanner, SseSplitter
    from fastpath._text import LinearModel, Pieces, features
else:
    from fastpath.pure.json import AUDIO, FILE, IMAGE, MAX_DEPTH, Peek, peek, splice
    from fastpath.pure.pieces import Pieces
    from fastpath.pure.rank import RankTable
    from fastpath.pure.sse import MAX_EVENT, OpenAIScanner, SseSplitter
    from fastpath.pure.text import LinearModel, features

__all__ = [
    "AUDIO",
    "COMPILED",
    "ENGINE",
    "FILE",
    "IMAGE",
    "MAX_DEPTH",
    "MAX_EVENT",
    "BodyError",
    "LinearModel",
    "Matcher",
    "OpenAIScanner",
    "Peek",
    "Pieces",
    "RankTable",
    "SseSplitter",
    "features",
    "peek",
    "splice",
]
