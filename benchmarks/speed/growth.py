"""What a series costs where there are many, and a batch where histories are long."""

from __future__ import annotations

from benchmarks.speed.ours import Untrained
from benchmarks.speed.panels import Series
from benchmarks.speed.settings import HORIZON, LEVELS, Row, Settings
from benchmarks.speed.timing import Case, row_of, timed

COUNTS = (10_000, 100_000, 1_000_000)
LENGTHS = (100, 1_000, 10_000)
SMALL = {"hidden_size": 16, "context_length": 16, "num_layers": 1, "batch_size": 128}
SHORT = 48  # steps of each of many series
BATCHES = 200
OURS = "foretell mqrnn"


def growth(settings: Settings) -> list[Row]:
    """Placing, 200 training batches and the forecast of N series."""
    return [row for full in COUNTS for row in _growth(full, settings)]


def _growth(full: int, settings: Settings) -> list[Row]:
    count = settings.amount(full)
    panel = Series.make(count, SHORT).panel()
    made: list[Untrained] = []
    place = timed(count, lambda: made.append(Untrained.of("mqrnn", SMALL, panel, settings)))
    ours = made[0]
    fed = timed(BATCHES, ours.feeding(BATCHES), settings.device)
    predicted = timed(count, lambda: ours.fitted.predict(panel, levels=LEVELS), settings.device)
    kinds = {"series placed": place, "batches": fed, "series forecast": predicted}
    return [
        row_of(
            Case(f"growth: {kind}", f"{count:,} series", "batches" if kind == "batches" else "series"),
            OURS,
            sample,
        )
        for kind, sample in kinds.items()
    ]


def history(settings: Settings) -> list[Row]:
    """Batches from histories of several lengths: a gather does not read what it does not need."""
    rows: list[Row] = []
    for length in LENGTHS:
        panel = Series.make(settings.amount(1000, least=100), length + HORIZON).panel()
        ours = Untrained.of("mqrnn", SMALL, panel, settings)
        fed = timed(BATCHES, ours.feeding(BATCHES), settings.device)
        rows.append(row_of(Case("growth with history", f"{length:,} steps a series", "batches"), OURS, fed))
    return rows
