"""A second process that draws: half of a report's pictures are made beside the other half."""

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial

from bsynth.analysis import AnyAnalysis
from bsynth.reporting.drawing import Drawing
from bsynth.reporting.figures import drawings
from bsynth.reporting.second import second_process

_log = logging.getLogger(__name__)

HELPED_FROM = 8
"""Pictures from which a second process that does not run yet is worth the two seconds in which it starts."""
_own: Mapping[str, Callable[[], Drawing]] = {}
"""In the second process: what it can draw."""


def _begin(analysis: AnyAnalysis) -> None:
    global _own
    _own = drawings(analysis)


def _draw(key: str) -> Drawing:
    return _own[key]()


@dataclass(eq=False)
class Drawn:
    """Pictures by key, each drawn once: here from the first on, and in the second process from the last on."""

    analysis: AnyAnalysis
    makers: Mapping[str, Callable[[], Drawing]]
    executor: Executor | None = None
    _left: deque[str] = field(init=False)
    _there: dict[str, Future[Drawing]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._left = deque(self.makers)
        if self.executor is not None:
            threading.Thread(target=self._feed, args=(self.executor,), daemon=True).start()

    def _feed(self, executor: Executor) -> None:
        """Give the second process one picture after the other, until none is left or it fails."""
        try:
            executor.submit(_begin, self.analysis).result()
        except Exception as error:  # noqa: BLE001  # however it fails, it is only a help
            _log.debug("the second process did not start: %s", error)
            return
        while True:
            with self._lock:
                if not self._left:
                    return
                try:
                    future = executor.submit(_draw, self._left[-1])
                except RuntimeError:  # it was shut down, or broke
                    return
                self._there[self._left.pop()] = future
            if future.exception() is not None:
                return

    def _next(self) -> str | None:
        with self._lock:
            return self._left.popleft() if self._left else None

    def __iter__(self) -> Iterator[tuple[str, Callable[[], Drawing]]]:
        """Each key with what returns its picture, or raises: those that are drawn here first."""
        while (key := self._next()) is not None:
            yield key, self.makers[key]
        for key, future in self._there.items():
            yield key, partial(self._fetched, key, future)

    def _fetched(self, key: str, future: Future[Drawing]) -> Drawing:
        """What the second process drew; what it could not draw is drawn here, and raises here."""
        return future.result() if future.exception() is None else self.makers[key]()


@contextmanager
def drawn_by_two(
    analysis: AnyAnalysis, makers: Mapping[str, Callable[[], Drawing]], second: Executor | None = None
) -> Iterator[Drawn]:
    """Draw an analysis's `drawings` here and in the ``second`` process; without one, begin it where they are many."""
    with nullcontext(second) if second is not None or len(makers) < HELPED_FROM else second_process() as executor:
        yield Drawn(analysis, makers, executor)
