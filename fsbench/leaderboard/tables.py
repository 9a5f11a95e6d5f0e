"""From entries to tables: what is compared with what, in which order, and which value is best. Nothing is rounded."""

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from itertools import product

from fsbench.leaderboard.entries import Entry
from fsbench.leaderboard.entries import has_chain
from fsbench.leaderboard.entries import intervals_of
from fsbench.leaderboard.families import joined
from fsbench.leaderboard.intervals import Ends
from fsbench.leaderboard.intervals import mean_interval
from fsbench.metrics import or_none
from fsbench.protocol import reported_names
from fsbench.scores.episodes import Sample
from fsbench.scores.metrics import Column
from fsbench.scores.metrics import columns_of
from fsbench.scores.results import Intervals
from fsbench.scores.results import Summary
from fsbench.scores.separation import holm
from fsbench.scores.separation import letters
from fsbench.scores.statistics import Flips
from fsbench.scores.statistics import paired_p
from fsbench.scores.statistics import spread
from fsbench.scores.variance import trainings_of
from fsbench.streams import named_stream

__all__ = ["Cell", "Row", "Table", "leaderboard_tables", "one_line", "separated"]


@dataclass(frozen=True)
class Cell:
    """A value of a row.

    Attributes:
        value: A share in [0, 1], but of a metric in another unit; None if it is missing.
        sd: Standard deviation over support draws, for the mean headline alone and if it is known.
        interval: 95 % confidence interval, likewise.
        place: 1 for the best value of the column, 2 for the second; None for all others, and for a value that does
            not stand for all episodes.
    """

    value: float | None
    sd: float | None = None
    interval: Ends | None = None
    place: int | None = None


@dataclass(frozen=True)
class Row:
    """An entry in a table.

    Attributes:
        entry: The entry itself.
        method: The method's name, with what tells it from other entries of that name in the table.
        rank: The letters of its groups: methods of which none is separated from another by the paired test of the mean
            headline, over all pairs together (see `fsbench.scores.separation`); None for an oracle, and if the entry
            has no mean or no scores of episodes.
        trainings: The mean headline of each of the trainings that it joins, by its title; empty for a single one.
        draws: Support draws.
        episodes, failed: Episodes that were scored, and that failed, over all folds.
        cells: One for each of the table's columns.
        notes: Numbers of its footnotes, from 1.
        intervals: Of its means; None if they are not known.
    """

    entry: Entry
    method: str
    rank: str | None
    trainings: Mapping[str, float]
    draws: int
    episodes: int
    failed: int
    cells: tuple[Cell, ...]
    notes: tuple[int, ...]
    intervals: Intervals | None


@dataclass(frozen=True)
class Table:
    """Entries that may be compared: of one dataset, manifest and protocol.

    Texts come from outside; they are free of line breaks and control characters, but not escaped.

    Attributes:
        dataset, manifest_version, manifest_digest: The episodes.
        protocol: The protocol's signature.
        groups: What each group of columns, one for each of `names`, is of: a fold, or None for the mean over
            folds, which comes last. A dataset of a single fold has the mean alone.
        rows: The entries, the best mean headline first, incomplete ones last.
        notes: Footnotes.
        ceilings: What can be reached by one kind of knowledge alone, a sentence for each oracle.
    """

    dataset: str
    manifest_version: str
    manifest_digest: str
    protocol: str
    groups: tuple[int | None, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...]
    ceilings: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The values of each group, in the order of the columns; the last is the headline."""
        return reported_names(self.protocol)

    @property
    def about(self) -> Mapping[str, Column]:
        """What is known of each of `names`."""
        return columns_of(self.protocol)

    @property
    def columns(self) -> tuple[tuple[int | None, str], ...]:
        """Group and metric of each cell of a row."""
        return tuple(product(self.groups, self.names))

    @property
    def title(self) -> str:
        """Dataset, version of the manifest and name of the protocol."""
        return f"{self.dataset} {self.manifest_version}, {self.protocol.split('|', 1)[0]}"

    @property
    def subtitle(self) -> str:
        """What the numbers depend on: manifest, protocol, and how much was evaluated at most."""
        return f"{self.made_with}; protocol {self.protocol}; {self.amount}"

    @property
    def made_with(self) -> str:
        """The manifest."""
        return f"Manifest {self.manifest_version} ({self.manifest_digest[:12]})"

    @property
    def amount(self) -> str:
        """How much was evaluated at most."""
        draws, widest = max(row.draws for row in self.rows), max(self.rows, key=lambda row: row.episodes + row.failed)
        classes = len({each.name for fold in widest.entry.folds for each in fold.classes})
        details = widest.entry.details
        queried = details.table[["fold", "class", "video"]].drop_duplicates() if details else ()
        return (
            f"{_count(classes, 'class')}, {_count(len(queried), 'video') + ', ' if details else ''}"
            f"{_count(draws, 'draw')}, {_count(widest.episodes + widest.failed, 'episode')}"
        )


def leaderboard_tables(entries: Iterable[Entry]) -> list[Table]:
    """Sorts entries into tables.

    Args:
        entries: In any order. Those that are trainings of one configuration become one row; see `joined`.

    Returns:
        A table for each dataset, manifest and protocol, sorted by these, the protocol `standard` first.
    """
    groups: dict[tuple[str, str, str], list[Entry]] = {}
    for entry in sorted(joined(entries), key=_order):
        groups.setdefault((entry.dataset, entry.protocol, entry.manifest_digest), []).append(entry)
    return [_table(group) for group in groups.values()]


def separated(samples: Sequence[Sample], manifest_digest: str, names: Sequence[str]) -> set[tuple[int, int]]:
    """Returns the pairs of methods that the paired test of the headline separates, over all pairs together.

    Args:
        samples: The methods' episodes, the same for all.
        manifest_digest: Of their manifest.
        names: What the protocol reports, the headline last.
    """
    flips = Flips(partial(named_stream, 0, "compare", manifest_digest))
    tested = {(i, j): paired_p(samples[i], samples[j], flips, names) for i, j in combinations(range(len(samples)), 2)}
    return holm(tested)


def one_line(text: str) -> str:
    """Returns a text with every run of white space and unprintable characters turned into one blank."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _order(entry: Entry) -> tuple[str, bool, str, str, str, str]:
    is_other = entry.protocol.split("|", 1)[0] != "standard"
    return entry.dataset, is_other, entry.protocol, entry.manifest_version, entry.manifest_digest, entry.title


def _table(entries: Sequence[Entry]) -> Table:
    """Makes a table of entries that may be compared."""
    folds = tuple(sorted({fold for entry in entries for fold in entry.expected_folds}))
    groups: tuple[int | None, ...] = (*folds, None) if len(folds) > 1 else (None,)
    entries = sorted(entries, key=lambda entry: _standing(entry, folds))
    names = reported_names(entries[0].protocol)
    intervals = [intervals_of(entry) for entry in entries]
    columns = [_column(entries, group, metric, folds, intervals) for group, metric in product(groups, names)]
    notes_of = [_notes(entry, max(map(_draws, entries))) for entry in entries]
    notes = list(dict.fromkeys(note for row in notes_of for note in row))
    rows = tuple(
        Row(
            entry=entry,
            method=label,
            rank=rank,
            trainings=_trainings(entry),
            draws=_draws(entry),
            episodes=sum(fold.episodes for fold in entry.folds),
            failed=sum(fold.failed for fold in entry.folds),
            cells=tuple(cells),
            notes=tuple(notes.index(note) + 1 for note in row_notes),
            intervals=found,
        )
        for entry, label, rank, cells, row_notes, found in zip(
            entries,
            _labels(entries),
            _ranks(entries, folds),
            zip(*columns, strict=True),
            notes_of,
            intervals,
            strict=True,
        )
    )
    first = entries[0]
    return Table(
        dataset=one_line(first.dataset),
        manifest_version=one_line(" = ".join(sorted({entry.manifest_version for entry in entries}))),
        manifest_digest=one_line(first.manifest_digest),
        protocol=one_line(first.protocol),
        groups=groups,
        rows=rows,
        notes=tuple(notes),
        ceilings=tuple(_ceilings(rows, names[-1])),
    )


_CEILINGS = {
    "oracle-sentence": "Sentences alone: one who is shown known outlines, reads the sentence and knows no class has",
    "oracle-class": "The class alone: one who finds all objects of the class and reads no sentence has",
}


def _ceilings(rows: Sequence[Row], name: str) -> Iterator[str]:
    """Yields what the oracles of a table say, in their order."""
    for row in rows:
        value, ends = row.cells[-1].value, row.cells[-1].interval
        if row.entry.is_oracle and value is not None:
            about = _CEILINGS.get(row.entry.method.name, f"{row.method} has")
            interval = "" if ends is None else f" [{100 * ends[0]:.1f}, {100 * ends[1]:.1f}]"
            yield one_line(f"{about} {100 * value:.1f} {name}{interval}.")


def _standing(entry: Entry, folds: tuple[int, ...]) -> tuple[float, int, str, str]:
    """Returns the sort key of a row: mean headline; without it how many folds are whole; then the name."""
    mean = _mean(entry, folds)
    whole = sum(not fold.failed for fold in entry.folds)
    return -mean.mean.headline if mean else 1, -whole, entry.title, entry.model_dump_json()


def _mean(entry: Entry, folds: tuple[int, ...]) -> Summary | None:
    """Returns the mean over these folds; an entry that expects others has none that may be compared."""
    return entry.mean if entry.expected_folds == folds else None


def _column(
    entries: Sequence[Entry],
    group: int | None,
    metric: str,
    folds: tuple[int, ...],
    intervals: Sequence[Intervals | None],
) -> list[Cell]:
    """Returns the cells of a column, with the two best values marked."""
    summaries = [_summary(entry, group, folds) for entry in entries]
    values = [or_none(summary.mean[metric]) if summary else None for summary in summaries]
    is_whole = [
        not entry.is_oracle and not any(fold.failed for fold in entry.folds if group in (None, fold.fold))
        for entry in entries
    ]
    known = {value for value, whole in zip(values, is_whole, strict=True) if whole and value is not None}
    is_falling = columns_of(entries[0].protocol)[metric].is_better == "higher"
    places = {value: place for place, value in enumerate(sorted(known, reverse=is_falling)[:2], start=1)}
    has_sd = group is None and metric == reported_names(entries[0].protocol)[-1]
    return [
        Cell(
            value=value,
            sd=summary.sd_draws.headline if has_sd and summary and summary.sd_draws else None,
            interval=mean_interval(found) if has_sd and summary else None,
            place=places.get(value) if whole and value is not None else None,
        )
        for value, summary, whole, found in zip(values, summaries, is_whole, intervals, strict=True)
    ]


def _summary(entry: Entry, group: int | None, folds: tuple[int, ...]) -> Summary | None:
    if group is None and len(folds) > 1:
        return _mean(entry, folds)
    # The only fold is shown even with failures, when there is no mean: nothing else would show it.
    return next((fold.score for fold in entry.folds if group in (None, fold.fold)), None)


def _draws(entry: Entry) -> int:
    return max(len(fold.draws) for fold in entry.folds)


def _ranks(entries: Sequence[Entry], folds: tuple[int, ...]) -> list[str | None]:
    """Returns the rank of each entry, given the best first."""
    able = [entry for entry in entries if entry.details is not None and _mean(entry, folds) and not entry.is_oracle]
    is_paired = len({entry.episodes_digest for entry in able}) < 2  # not so of other draws, say
    if not is_paired or not has_chain(entries[0].protocol):
        return [None] * len(entries)
    samples, names = [entry.sample for entry in able], reported_names(entries[0].protocol)
    ranks = letters(len(able), separated(samples, entries[0].manifest_digest, names))
    by_entry = {id(entry): rank for entry, rank in zip(able, ranks, strict=True)}
    return [by_entry.get(id(entry)) for entry in entries]


def _trainings(entry: Entry) -> dict[str, float]:
    return {each.title: each.mean.mean.headline for each in entry.trainings if each.mean}


_OF_TRAININGS = {
    "by fold": "Trained once for each fold: differences between trainings count as far as the folds show them.",
    "by start": "All trainings of a fold went on from the same weights: differences between these count as far as the "
    "folds show them.",
    "one": "Trained once for all folds: differences between trainings are not in its interval, nor in tests of it.",
}


def _notes(entry: Entry, most_draws: int) -> list[str]:
    notes, name = [], reported_names(entry.protocol)[-1]
    if seen := entry.seen_novel:
        names = ", ".join(f"{each}: {where}" if where else each for each, where in seen.items())
        clean = f"it scores {100 * entry.clean_mean.headline:.1f} {name}" if entry.clean_mean else "nothing is left"
        notes.append(f"Its weights have seen classes under test ({names}); on the others {clean}.")
    within, without = entry.tuned_means
    if entry.mean and within:
        tuned = ", ".join(entry.tuned_novel)
        others = f"{100 * without.headline:.1f} on the others" if without else "there are no others"
        on_these = f"on these it scores {100 * within.headline:.1f} {name}, {others}"
        notes.append(f"It was tuned on classes under test ({tuned}): {on_these}.")
    if means := list(_trainings(entry).values()):
        each = ", ".join(f"{100 * value:.1f}" for value in means)
        deviation = f"standard deviation {100 * (spread(means) or 0):.1f}"
        notes.append(f"Mean of {len(means)} trainings, with {each} {name}; {deviation}.")
    if entry.mean and entry.details and has_chain(entry.protocol):
        how = trainings_of(entry.sample, [fold.fold for fold in entry.folds])
        notes += [_OF_TRAININGS[each] for each in [how] if each in _OF_TRAININGS]
    failed = [f"{fold.failed} in fold {fold.fold}" for fold in entry.folds if fold.failed]
    if failed:
        notes.append(f"Episodes failed ({', '.join(failed)}); the scores stand for the others.")
    if _draws(entry) < most_draws:
        notes.append(f"Only {_draws(entry)} of {_count(most_draws, 'draw')}.")
    return notes


def _labels(entries: Sequence[Entry]) -> list[str]:
    """Returns the titles; where one is there twice, with everything that differs between its entries."""
    titles = [entry.title for entry in entries]
    labels = []
    for entry in entries:
        namesakes = [_facts(other) for other in entries if other.title == entry.title]
        differing = sorted({key for facts in namesakes for key in facts if len({f.get(key) for f in namesakes}) > 1})
        facts = ", ".join(f"{key}={_facts(entry).get(key, 'none')}" for key in differing)
        has_namesake = titles.count(entry.title) > 1 and facts
        labels.append(one_line(f"{entry.title} ({facts})" if has_namesake else entry.title))
    return labels


def _facts(entry: Entry) -> dict[str, str]:
    """Returns what may tell entries of one method apart."""
    return {
        "version": entry.method.version,
        "checkpoints": " ".join((fold.checkpoint_sha256 or "none")[:12] for fold in entry.folds),
        "distribution": entry.distribution,
        "commit": (entry.commit or "none")[:12],
        **entry.packages,
        **{key: str(value) for key, value in entry.options.items()},
    }


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}{'es' if noun.endswith('s') else 's'}"
