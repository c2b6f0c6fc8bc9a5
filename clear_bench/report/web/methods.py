"""What the page says of a method beside its numbers: what its file tells of its paper."""

from dataclasses import dataclass
from functools import cache

from clear_bench.config import plugins
from clear_bench.report.bibliography import backbone, family, paper_of, row_title
from clear_bench.results.groups import Group

KIND = "method"
OWN, OURS, FLOOR = "clear", "ours", "floor"
WEB = ("https://", "http://")


@dataclass(frozen=True)
class About:
    """What a method's file says of it; "" where it does not.

    Args:
        title: Name in print.
        cite: Title, venue and year of the paper.
        year: When that was published.
        family: The kind of method.
        backbone: What turns an image into features.
        url: Where the paper is read.
    """

    title: str
    cite: str = ""
    year: str = ""
    family: str = ""
    backbone: str = ""
    url: str = ""


@cache
def about(method: str, profile: str) -> About:
    """Return what a method's file says of it; of one that is no longer there its name alone.

    Args:
        method: Its key.
        profile: Its backbone depends on it.

    Raises:
        UserError: If what the file says of its paper or family is not as it should be.
    """
    if method not in plugins.available(KIND):
        return About(method)
    paper = paper_of(method)
    link = paper.link if paper else ""
    return About(
        title=plugins.title_of(method),
        cite=f"{paper.title}. {paper.venue} {paper.year}" if paper else "",
        year=str(paper.year) if paper else "",
        family=family(method),
        backbone=backbone(method, profile),
        url=link if link.startswith(WEB) else "",  # what is clicked leads to the web alone
    )


def of_group(group: Group) -> About:
    """Return what is known of the method of a row."""
    return about(group.method, group.profile)


def title_of(group: Group) -> str:
    """Return a row's name in print: the method's title, and what tells the row from others."""
    return row_title(group.label, group.method)


def is_ours(group: Group) -> bool:
    """Return whether a group is CLEAR or one of its variants, with whatever settings."""
    return group.method == OWN or of_group(group).family == OURS


def is_floor(group: Group) -> bool:
    """Return whether a method learns nothing; such a one has no rank."""
    if of_group(group).family == FLOOR:
        return True
    if not group.runs:
        return False
    train = group.runs[0].record.config.get(group.task, {}).get("train", {})
    return not train.get("epochs", 1)
