"""A paper as data: what a method's or data set's file says of it, and nothing that was not read.

The entries are plain dictionaries in ``METHOD`` and ``SOURCE``, written out, so that a report reads
them without torch; here they become `Citation` and BibTeX.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from clear_bench.utils.errors import UserError, unknown

VENUES = {
    "AAAI": "AAAI Conference on Artificial Intelligence",
    "ACM MM": "ACM International Conference on Multimedia",
    "ACPR": "Asian Conference on Pattern Recognition",
    "CVPR": "IEEE Conference on Computer Vision and Pattern Recognition",
    "ECCV": "European Conference on Computer Vision",
    "ICCV": "IEEE International Conference on Computer Vision",
    "ICLR": "International Conference on Learning Representations",
    "ICML": "International Conference on Machine Learning",
    "WACV": "IEEE/CVF Winter Conference on Applications of Computer Vision",
    "WACVW": "IEEE/CVF Winter Conference on Applications of Computer Vision Workshops",
}
"""Conference to its name in full."""

JOURNALS = {
    "arXiv": "arXiv preprint",
    "PR": "Pattern Recognition",
    "TCSVT": "IEEE Transactions on Circuits and Systems for Video Technology",
    "TIP": "IEEE Transactions on Image Processing",
}
"""Journal to its name in full."""

FAMILIES = {
    "convolutional": "Convolutional",
    "transformer": "Transformer",
    "language-based": "Language-based",
    "recognition scores": "Recognition scores",
    "joint embedding": "Joint embedding",
    "adversarial": "Adversarial",
    "other": "Other",
    "ours": "Ours",
    "floor": "Floors",
}
"""Family of a method to its name in print, in the order of a table's groups."""

SPECIAL = {"&": r"\&", "%": r"\%", "#": r"\#", "_": r"\_", "$": r"\$", "{": "", "}": "", "\\": ""}
STOPWORDS = {"a", "an", "the", "on", "of", "for", "in"}


@dataclass(frozen=True)
class Citation:
    """One paper.  What is not known is empty.

    Args:
        title: As printed.
        authors: "Family, Given and Family, Given"; initials where no more was read.
        venue: Journal or conference, one of `JOURNALS` or `VENUES`.
        year: Of publication.
        read: Where these facts were read.
        volume: Of the journal.
        pages: First and last.
        arxiv: Number there.
        doi: Without address.
        url: Of a page that anybody can open.
    """

    title: str
    authors: str
    venue: str
    year: int
    read: str
    volume: str = ""
    pages: str = ""
    arxiv: str = ""
    doi: str = ""
    url: str = ""

    @classmethod
    def of(cls, entry: Mapping[str, Any], where: str) -> "Citation":
        """Return a file's entry.

        Args:
            entry: Names of this class to values.
            where: The file, for messages.

        Raises:
            UserError: If it has another name or lacks one.
        """
        names = [field.name for field in fields(cls)]
        for name in entry:
            if name not in names:
                raise unknown(f"{where}: part of a paper", name, names)
        lacking = [name for name in ("title", "authors", "year", "read") if not entry.get(name)]
        if lacking:
            raise UserError(f"{where}: a paper lacks {', '.join(lacking)}")
        if entry.get("venue") not in {**VENUES, **JOURNALS}:
            raise unknown(f"{where}: venue", str(entry.get("venue")), [*VENUES, *JOURNALS])
        return cls(**entry)

    @property
    def key(self) -> str:
        """Its key: first author's family name, year and first word of the title."""
        words = [w for w in re.split(r"[^\w]+", self.title) if w.lower() not in STOPWORDS]
        family = self.authors.partition(",")[0]
        return f"{_ascii(family)}{self.year}{_ascii(words[0])}".lower()

    @property
    def link(self) -> str:
        """An address of the paper: by DOI, at arXiv, or its page; "" if none was read."""
        if self.doi:
            return f"https://doi.org/{self.doi}"
        return f"https://arxiv.org/abs/{self.arxiv}" if self.arxiv else self.url

    def bibtex(self) -> str:
        """Return its BibTeX entry, with year and address."""
        article = self.venue in JOURNALS
        pairs = {
            "author": self.authors,
            "title": f"{{{_escaped(self.title)}}}",
            "journal" if article else "booktitle": {**JOURNALS, **VENUES}[self.venue],
            "year": str(self.year),
            "volume": self.volume,
            "pages": self.pages.replace("-", "--"),
            "eprint": self.arxiv,
            "archiveprefix": "arXiv" if self.arxiv else "",
            "doi": self.doi,
            "url": self.link,
        }
        kind = "article" if article else "inproceedings"
        lines = [f"  {name} = {{{value}}}," for name, value in pairs.items() if value]
        return "\n".join([f"@{kind}{{{self.key},", *lines, "}"]) + "\n"


def _escaped(text: str) -> str:
    """Return text that BibTeX and LaTeX print as it is."""
    return "".join(SPECIAL.get(c, c) for c in text)


def _ascii(text: str) -> str:
    """Return the letters and digits of a word without accents."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9]", "", plain)
