"""How the episodes of an entry are averaged: what is left of its protocol's chain where rows are means over frames."""

from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np
import pandas as pd

from fsbench.errors import RunError
from fsbench.protocol import Protocol
from fsbench.scores.aggregation import KEYS
from fsbench.scores.metrics import count_columns
from fsbench.scores.metrics import is_count
from fsbench.splits.manifest import Manifest

__all__ = ["frame_counts", "rows_to_average"]


def rows_to_average(
    table: pd.DataFrame, protocol: Protocol, manifest: Manifest | None
) -> tuple[pd.DataFrame, Sequence[str]]:
    """Returns rows, and the chain by which `fsbench.scores.aggregation` averages them as a protocol does.

    Args:
        table: Episodes, as `fsbench.scores.statistics` has them.
        protocol: How they are averaged.
        manifest: Their manifest; None if it is not at hand.

    Raises:
        RunError: The chain is of other levels, a metric is not known here that it takes to average, or frames are
            pooled and there is no manifest.
    """
    chain = protocol.chain or ()
    if chain[:1] != ("frame",) or not set(chain) <= set(KEYS):
        raise RunError(f"Protocol {protocol.name} averages over no frames first, or over what episodes do not have.")
    counts = [column for column in table.columns if is_count(column)]
    if set(counts) != set(count_columns(protocol.metrics)):
        raise RunError(f"Protocol {protocol.name} reports a metric of sums whose package is not installed here.")
    if set(chain) == {"frame", "expression", "video", "class"}:
        return table, chain[1:]
    # Frames are pooled: an episode counts as often as it has some.
    if manifest is None:
        raise RunError(f"Protocol {protocol.name} pools frames, and the manifest is not here.")
    table = table.loc[table.index.repeat(table["video"].map(frame_counts(manifest, protocol)))]
    table.loc[table.index.duplicated(), counts] = 0  # those of an episode are sums
    return table.reset_index(drop=True).assign(frame=np.arange(len(table))), chain


def frame_counts(manifest: Manifest, protocol: Protocol) -> Mapping[str, int]:
    """Returns how many frames of each video count."""
    rows = manifest.tables["videos"].select(["video_id", "frames"]).to_pylist()
    return {row["video_id"]: len(row["frames"][protocol.counted(len(row["frames"]))]) for row in rows}
