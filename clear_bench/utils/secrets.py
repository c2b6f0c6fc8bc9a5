"""What nobody may read in what is kept or printed: passwords, tokens and keys, in every form."""

import os
import re
from functools import cache

MASK = "***"
_WORD = (
    r"(?:pass(?:word|wd|phrase|code)?|pwd|secret|token|credentials?|api[_-]?key|access[_-]?key"
    r"|account[_-]?key|private[_-]?key|secret[_-]?key|signature|sig|sas|authorization)"
)
_BEGIN = "(?:(?<![A-Za-z0-9])|(?<=%3B)|(?<=%26)|(?<=%20))"
_KEY = rf"{_BEGIN}(?:[A-Za-z0-9.%-]+[_.-]|ssl|pg|db|my)?{_WORD}(?:[_-](?:key|id))?"
_NAME = re.compile(rf"(?:.*[_.-]|ssl|pg|db|my)?{_WORD}(?:[_-](?:key|id))?", re.IGNORECASE)
_QUOTED = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|%(?:22|27).*?%(?:22|27)"""
_VALUE = rf"""(?:{_QUOTED}|(?:(?!%26|%3B)[^\s&;,'"}}\])])+)"""
_STEMS = ("pass", "pwd", "secret", "token", "credential", "key", "sig", "sas", "authorization")
_FORMS = (
    # scheme://user:password@host: all before the last @, since a password may hold one; a scheme
    # is looked for where its letters begin, not at each of them: a long word would take seconds
    (
        ("@", "%40"),
        re.compile(
            r"((?<![A-Za-z0-9+.-])[0-9+.-]*[A-Za-z][A-Za-z0-9+.-]*(?::|%3A)(?://|%2F%2F))"
            r"[^\s'\"<>]*(@|%40)",
            re.IGNORECASE,
        ),
        2,
    ),
    # Authorization: Bearer TOKEN
    (
        ("authorization",),
        re.compile(r"(authorization['\"]?\s*[:=]\s*['\"]?(?:[a-z]+\s+)?)[^\s'\"]+", re.IGNORECASE),
        1,
    ),
    (("bearer",), re.compile(r"\b(bearer\s+)[A-Za-z0-9._~+/=-]{12,}", re.IGNORECASE), 1),
    # password=VALUE, &sslpassword=VALUE, PGPASSWORD=VALUE, "password": "VALUE", pwd%3DVALUE
    (
        _STEMS,
        re.compile(rf"({_KEY}['\"]?\s*(?:=|:(?!//)|%3D|%3A)\s*){_VALUE}", re.IGNORECASE),
        1,
    ),
    # --db-password VALUE
    (_STEMS, re.compile(rf"(--?(?:[\w-]+-)?{_WORD}\s+){_VALUE}", re.IGNORECASE), 1),
)
"""Words one of which stands in every text of a form, the form, and how many of its groups stay."""

FOLDERS = {"PWD", "OLDPWD"}  # of every shell: where it is and was
SHORT = 6  # letters of a value that is looked for as it is


def masked(text: str) -> str:
    """Return a text in which every secret is `MASK`.

    Known are ``user:password@`` of an address (the user goes too: it may be a token), what stands
    after a key that speaks of passwords, tokens or keys (in the query of an address, a key=value
    list, JSON, an option or an assignment, percent-encoded or not), and the value of every
    environment variable with such a name, wherever it stands; a shell's own ``PWD`` is a folder.
    """
    if not text:
        return text
    for name, value in os.environ.items():
        if len(value) >= SHORT and _speaks_of_secrets(name):
            text = text.replace(value, MASK)
    small = text.lower()
    for words, form, groups in _FORMS:  # a word is found in a hundredth of the time of a form
        if any(word in small for word in words) or not text.isascii():  # to re, "\u017f" is an s
            text = form.sub(rf"\g<1>{MASK}" + (r"\g<2>" if groups == 2 else ""), text)
    return text


@cache
def _speaks_of_secrets(name: str) -> bool:
    """Return whether an environment variable of that name holds a secret."""
    return name not in FOLDERS and _NAME.fullmatch(name) is not None
