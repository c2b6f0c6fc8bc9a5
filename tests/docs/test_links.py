"""Every link and anchor of the Markdown pages leads somewhere, as GitHub resolves them."""

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
FENCE = re.compile(r"^(`{3,}|~{3,}).*?^\1\s*$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)", re.DOTALL)
LINK = re.compile(
    r"\[(?:[^\[\]]|\[[^\[\]]*\])*\]\(\s*<?([^()\s>]*(?:\([^()\s]*\))?[^()\s>]*)>?[^()]*\)"
)
NAMED = re.compile(r"^ {0,3}\[[^\]]+\]:\s*<?(\S+?)>?\s*$", re.MULTILINE)
BARE = re.compile(r"<(https?:[^>]*)>")


def prose(text):
    """Return a page without its code."""
    return CODE.sub("", FENCE.sub("", text))


def links(text):
    """Return all addresses on a page."""
    plain = prose(text)
    return [found for form in (LINK, NAMED, BARE) for found in form.findall(plain)]


def anchors(text):
    """Return where a page can be linked to: its headings, as GitHub names them."""
    found = []
    for title in re.findall(r"^#{1,6}\s+(.+?)\s*#*$", FENCE.sub("", text), re.MULTILINE):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title).lower()
        slug = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        same = sum(name == slug or re.fullmatch(re.escape(slug) + r"-\d+", name) is not None
                   for name in found)  # fmt: skip
        found.append(f"{slug}-{same}" if same else slug)
    return {*found, *re.findall(r"""<a\s+(?:id|name)=["']([^"']+)""", text)}


def problem(page, address):
    """Return what is wrong with an address, or ""."""
    parts = urlsplit(address)
    if parts.scheme:
        host = re.fullmatch(r"([a-z0-9-]+\.)+[a-z]{2,}(:\d+)?", parts.netloc.lower())
        return "" if parts.scheme in ("http", "https") and host else "no address"
    goal = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if not (goal.is_relative_to(ROOT) and goal.exists()):
        return "no such file"
    if parts.fragment and goal.suffix == ".md":
        known = anchors(goal.read_text(encoding="utf-8"))
        return "" if unquote(parts.fragment) in known else "no such heading"
    return ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page):
    found = {address: problem(page, address) for address in links(page.read_text(encoding="utf-8"))}
    assert {address: words for address, words in found.items() if words} == {}


def test_links_are_found_and_wrong_ones_are_wrong():
    text = "[a](x.md) ![b](y.png 'title') [c [d]](#e) `[no](code.md)` <https://f.org>\n[g]: h.md\n"
    text += "```\n[no](fence.md)\n```\n[i](j(k).md)\n"
    assert set(links(text)) == {"x.md", "y.png", "#e", "https://f.org", "h.md", "j(k).md"}
    page = ROOT / "README.md"
    assert len(links(page.read_text(encoding="utf-8"))) > 10
    for address in ("docs/nothing.md", "../outside.md", "docs/text.md#nothing", "#nothing",
                    "htp://x.org", "https://", "https://host", "javascript:alert(1)"):  # fmt: skip
        assert problem(page, address), address
    for address in ("docs/text.md", "https://arxiv.org/abs/2403.06119", "docs", "#five-tasks"):
        assert not problem(page, address), address


def test_headings_are_named_as_github_names_them():
    text = "# A `b`, c & d\n## Same\n## Same\n```\n# no heading\n```\n### [Link](x.md) it\n"
    assert anchors(text) == {"a-b-c--d", "same", "same-1", "link-it"}


def test_the_site_has_every_page():
    index = (ROOT / "docs/site/index.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^docs/(\w+)$", index, re.MULTILINE))
    pages = {page.stem for page in (ROOT / "docs").glob("*.md")}
    assert pages - listed == set(), "add them to docs/site/index.md"
    assert listed - pages == set()
