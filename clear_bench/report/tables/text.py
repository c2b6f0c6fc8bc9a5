"""Text as LaTeX prints it, and the letters of footnotes."""

from string import ascii_lowercase

from clear_bench.report.tables.model import Table

SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "_": r"\_\allowbreak{}", "&": r"\&",
    "%": r"\%", "#": r"\#", "$": r"\$", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "|": r"\textbar\allowbreak{}", ":": r":\allowbreak{}", "<": r"\textless{}",
    ">": r"\textgreater{}", "±": r"$\pm$", "Δ": r"$\Delta$", "†": r"$\dagger$", "↑": r"$\uparrow$",
    "−": r"$-$", "–": "--", "\n": " ",
}  # fmt: skip
LATIN = 0x17F  # what pdflatex sets without more packages


def escape(text: str) -> str:
    """Return text that LaTeX prints as it is; what pdflatex cannot print becomes its code."""
    return "".join(
        SPECIAL.get(c, c if c.isprintable() and ord(c) <= LATIN else rf"\texttt{{U+{ord(c):04X}}}")
        for c in text
    )


def numbered(table: Table) -> dict[str, str]:
    """Return the rows' footnotes with their letters, each text once."""
    texts = dict.fromkeys(text for row in table.rows for text in row.notes)
    return {text: _letters(place) for place, text in enumerate(texts)}


def _letters(place: int) -> str:
    """Return a, b, .. z, aa, ab, .."""
    more, last = divmod(place, len(ascii_lowercase))
    return (_letters(more - 1) if more else "") + ascii_lowercase[last]
