"""Does every link of a built site lead somewhere, and is everything that it shows in it?

Usage: python .ci/site.py FOLDER
"""

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADED = {("script", "src"), ("img", "src"), ("link", "href"), ("iframe", "src"), ("source", "src")}
IN_STYLES = re.compile(r"""(?:url\(\s*["']?|@import\s+["'])((?:https?:)?//[^"')]+)""")


class Page(HTMLParser):
    """What a page can be linked at, where it links to, and what it loads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take a tag's identifiers and addresses."""
        for name, value in attrs:
            if name == "id" or (tag == "a" and name == "name"):
                self.anchors.add(value or "")
            elif (tag, name) in LOADED:
                self.loaded.append(value or "")
            elif (tag, name) == ("a", "href"):
                self.links.append(value or "")


def wrong(folder: Path) -> list[str]:
    """Return what is wrong with a site, one line each."""
    pages = {file: Page(file.read_text(encoding="utf-8")) for file in folder.rglob("*.html")}
    found = []
    for file, page in pages.items():
        name = file.relative_to(folder)
        for address in page.loaded:
            if urlsplit(address).netloc:
                found.append(f"{name}: loads {address}")
            elif problem := leads_nowhere(file, address, pages):
                found.append(f"{name}: {problem}")
        found += [f"{name}: {p}" for link in page.links if (p := leads_nowhere(file, link, pages))]
    for file in folder.rglob("*.css"):
        text = file.read_text(encoding="utf-8")
        found += [
            f"{file.relative_to(folder)}: loads {address}" for address in IN_STYLES.findall(text)
        ]
    return sorted(set(found)) if pages else [f"{folder}: no page in it"]


def leads_nowhere(file: Path, address: str, pages: dict[Path, Page]) -> str:
    """Return what is wrong with an address on a page, or ""."""
    parts = urlsplit(address)
    if parts.scheme or parts.netloc:
        good = parts.scheme in ("mailto", "data") or (
            parts.scheme in ("http", "https") and parts.netloc
        )
        return "" if good else f"no address: {address}"
    goal = (file.parent / unquote(parts.path)).resolve() if parts.path else file.resolve()
    if not goal.is_file():
        return f"no such file: {address}"
    page = pages.get(goal)
    if parts.fragment and page and unquote(parts.fragment) not in page.anchors:
        return f"no such place: {address}"
    return ""


if __name__ == "__main__":
    problems = wrong(Path(sys.argv[1]).resolve())
    print("\n".join(problems) or f"{sys.argv[1]}: every link leads somewhere", flush=True)
    raise SystemExit(bool(problems))
