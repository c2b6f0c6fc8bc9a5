"""Every file that the page lets download, in one compressed archive inside the page itself."""

import base64
import gzip
import io
import tarfile
from collections.abc import Iterable, Mapping

from clear_bench.report.web.model import record_place
from clear_bench.results.load import Results
from clear_bench.runs.files import RECORD
from clear_bench.utils.secrets import masked


def records(results: Results) -> dict[str, str]:
    """Return the name of each record in the archive -> its text, without secrets."""
    return {
        record_place(run.folder, results.root): masked(
            (run.folder / RECORD).read_text(encoding="utf-8")
        )
        for run in results.runs
    }


def archive(files: Mapping[str, str]) -> str:
    """Return files as a ``.tar.gz`` in base64: the same files give the same text.

    One stream for all of them: records are much alike, and compress to a tenth.
    """
    stream = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=stream, mode="wb", filename="", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as tar,
    ):
        for name, content in _ordered(files):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return base64.b64encode(stream.getvalue()).decode("ascii")


def _ordered(files: Mapping[str, str]) -> Iterable[tuple[str, bytes]]:
    """Yield names and contents, those of one ending side by side, which compress better."""
    for name in sorted(files, key=lambda n: (n.rpartition(".")[2], n)):
        yield name, files[name].encode()
