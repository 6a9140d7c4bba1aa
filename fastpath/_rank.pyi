from collections.abc import Sequence

from fastpath.pure.rank import Chances, Row

class RankTable:
    count: int
    def __init__(self, targets: Sequence[Row], chances: Chances) -> None: ...
    def look(
        self,
        number: int,
        task: int,
        difficulty: float,
        tokens: float,
        plain: float,
        thinking: float,
        limit: float,
        cached: float,
    ) -> tuple[float, float, int | None]: ...
    def ratio(self, number: int, task: int, value: float) -> None: ...
    def rank(
        self,
        members: bytes,
        task: int,
        difficulty: float,
        tokens: float,
        plain: float,
        thinking: float,
        limit: float,
        needs: int,
        strategy: int,
        p_floor: float,
        ability_floor: float,
        cap: float,
        value: float,
        held: int,
        cached: float,
        want: int,
        others: int,
    ) -> tuple[list[int], int, int]: ...
