"""The page's tables as rows of texts."""

import json
import re
from html.parser import HTMLParser


class Tables(HTMLParser):
    """Reads each table's rows of cells as text, and the place of what is behind each."""

    def __init__(self):
        super().__init__()
        self.tables, self.inside = {}, False

    def handle_starttag(self, tag, attrs):
        value_of = dict(attrs)
        if tag == "table":
            self.rows = self.tables.setdefault(value_of["id"], [])
        elif tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append(["", value_of.get("data-cell")])
            self.inside = True

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self.inside = False

    def handle_data(self, data):
        if self.inside:
            self.rows[-1][-1][0] += data


def read(file):
    """Return the page's tables and what its dialog knows."""
    text = file.read_text(encoding="utf-8")
    parser = Tables()
    parser.feed(text)
    dialog = re.search(r'<script type="application/json" id="known">(.*?)</script>', text, re.S)
    return parser.tables, json.loads(dialog[1])


def plain(text):
    """Return a cell's text without its marks."""
    return re.sub(r"†| \((best|second|significant)\)", "", text)


def name(row):
    """Return the name of a leaderboard's row without the small figure of its footnote."""
    return row[1][0].removesuffix(" ours").rstrip("123456789")
