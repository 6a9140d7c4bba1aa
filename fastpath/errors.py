"""What fastpath raises about a request body."""

_WHAT = {
    "invalid_json": "it is not valid JSON",
    "invalid_utf8": "it is not valid UTF-8",
    "duplicate_key": "a top-level key is given twice",
    "too_deep": "it is nested too deep",
    "not_an_object": "its top level is not an object",
}


class BodyError(ValueError):
    """A body that is refused: `code` says why, `offset` is the byte at which that was seen."""

    def __init__(self, code: str, offset: int) -> None:
        super().__init__(_WHAT[code])
        self.code = code
        self.offset = offset
