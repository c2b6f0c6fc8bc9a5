"""Who may ask: the page itself, and nobody through it.

Any site that is open in the same browser can send requests to this machine.  It can read no answer
without leave, which nobody gets; what it must not do either is make us work.  And a site whose name
turns into this machine's address would be the same site as we (DNS rebinding), so a name that we
were not started under is refused.
"""

import ipaddress
import socket

from flask import Flask, Request, Response, abort, request

NAMES = ("localhost", "127.0.0.1", "::1")
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def guard(app: Flask, host: str) -> None:
    """Refuse what the page itself would not ask, and forbid others to use the answers.

    Args:
        app: The server.
        host: What it listens at.
    """
    app.before_request(lambda: _refuse(request, host))
    app.after_request(_marked)


def _refuse(asked: Request, host: str) -> None:
    """End a request that does not come from the page."""
    if not _is_ours(asked.host, host):
        abort(403, "this name is not that of the server; use its address")
    first = asked.path == "/" and asked.method == "GET"  # a link elsewhere may lead here
    if not first and asked.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none"):
        abort(403, "asked by another site")
    if asked.headers.get("Origin", asked.host_url.rstrip("/")) != asked.host_url.rstrip("/"):
        abort(403, "asked by another site")


def _is_ours(header: str, host: str) -> bool:
    """Return whether a Host header names us: an address, which nobody else can own, or our name."""
    name = header.rpartition(":")[0] if header.rpartition(":")[2].isdigit() else header
    name = name.removeprefix("[").removesuffix("]").lower()
    if name in (*NAMES, host.lower(), socket.gethostname().lower()):
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _marked(answer: Response) -> Response:
    """Return an answer that no other site may embed, and that no cache keeps."""
    answer.headers.update(HEADERS)
    return answer
