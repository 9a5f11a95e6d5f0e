"""The sentences that a manifest means and holds by their digests."""

from fsbench.datasets.records import Dataset
from fsbench.errors import ManifestError
from fsbench.splits.manifest import Manifest
from fsbench.splits.schema import text_digest

__all__ = ["Sentences"]


class Sentences:
    """The local sentences, checked against the manifest's digests when asked for."""

    def __init__(self, manifest: Manifest, dataset: Dataset) -> None:
        self._digests = {(r["video_id"], r["expression_id"]): r["text_sha256"] for r in manifest.rows("expressions")}
        self._texts = {(e.video_id, e.expression_id): e.text for e in dataset.expressions()}
        self._root = dataset.root
        self._manifest = manifest.path

    def of(self, video_id: str, expression_id: str) -> str:
        """Returns a sentence. Raises ManifestError if it is not here, or not the one that the manifest means."""
        text = self._texts.get((video_id, expression_id))
        if text is None or text_digest(text) != self._digests.get((video_id, expression_id)):
            what = "is not there" if text is None else "has another text than the manifest means"
            raise ManifestError(
                f"{self._root}: sentence {expression_id!r} of video {video_id!r} {what}. Fetch the release that the "
                f"manifest names, or run 'fsbench verify {self._manifest} --data-root {self._root}' for the full list."
            )
        return text
