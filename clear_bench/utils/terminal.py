"""Tables on a terminal: what identifies a row is never cut, numbers that do not fit come below."""

from collections.abc import Iterator, Sequence

from rich.markup import escape

from clear_bench.utils.progress import wide_console

BORDER, PADDING = 1, 3  # columns of characters: the last line, and what stands around a cell


def print_table(
    title: str, keys: Sequence[str], heads: Sequence[str], rows: Sequence[Sequence[str]],
    styles: Sequence[Sequence[str]] = (),
) -> None:  # fmt: skip
    """Print a table; where the terminal is narrow, in parts that repeat the keys.

    Args:
        title: Above it.
        keys: Heads of the columns that tell rows apart.
        heads: Of the other columns.
        rows: Keys and cells of each row, as plain text.
        styles: rich's style of each row's cells without keys; none if not given.
    """
    from rich.table import Column, Table

    console = wide_console()
    for places in blocks(console.width, keys, heads, rows):
        columns = [Column(escape(head), overflow="fold") for head in keys]
        columns += [Column(escape(heads[p]), justify="right", no_wrap=True) for p in places]
        table = Table(*columns, title=escape(title))
        for number, row in enumerate(rows):
            cells = [escape(text) for text in row[: len(keys)]]
            for place in places:
                text = escape(row[len(keys) + place])
                style = styles[number][place] if styles else ""
                cells.append(f"[{style}]{text}[/]" if style else text)
            table.add_row(*cells)
        console.print(table)


def blocks(
    width: int, keys: Sequence[str], heads: Sequence[str], rows: Sequence[Sequence[str]]
) -> Iterator[list[int]]:
    """Yield the places of the columns of each part; at least one column a part."""
    texts = [[head, *(row[k] for row in rows)] for k, head in enumerate([*keys, *heads])]
    sizes = [PADDING + max(map(len, column)) for column in texts]
    taken = sum(sizes[: len(keys)]) + BORDER
    part: list[int] = []
    used = taken
    for place, size in enumerate(sizes[len(keys) :]):
        if part and used + size > width:
            yield part
            part, used = [], taken
        part.append(place)
        used += size
    yield part
