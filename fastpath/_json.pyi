from collections.abc import Mapping

IMAGE: int
AUDIO: int
FILE: int
MAX_DEPTH: int

class Peek:
    @property
    def entries(self) -> dict[str, tuple[int, int, int]]: ...
    @property
    def messages(self) -> list[tuple[str | None, int, int]]: ...
    @property
    def flags(self) -> int: ...

def peek(body: bytes) -> Peek: ...
def splice(body: bytes, peek: Peek, edits: Mapping[str, bytes | None]) -> bytes: ...
