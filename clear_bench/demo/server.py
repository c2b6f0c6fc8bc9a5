"""The server of the page: a few addresses, on this machine."""

import logging
import socket
from importlib.resources import files

from flask import Flask, Response, jsonify, request
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from clear_bench.demo import answers
from clear_bench.demo.guard import guard
from clear_bench.demo.work import Asked, Work
from clear_bench.utils.errors import UserError
from clear_bench.utils.foreign import read_bytes

LARGEST = 32 << 20
"""Bytes of what is uploaded."""

PATIENCE = 30  # seconds that a silent connection is kept
PAGE = ("index.html", "style.css", "start.js", "dom.js", "picture.js", "search.js")
KINDS = {"html": "text/html", "css": "text/css", "js": "text/javascript"}


def make_app(work: Work, host: str) -> Flask:
    """Return the server's answers.

    Args:
        work: What it can do.
        host: What it listens at, see `guard`.
    """
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = LARGEST
    guard(app, host)

    @app.get("/", defaults={"name": PAGE[0]})
    @app.get("/<name>")
    def page(name: str) -> Response:
        if name not in PAGE:
            return _refused("no such page", 404)
        content = files("clear_bench.demo").joinpath("page", name).read_bytes()
        return Response(content, mimetype=KINDS[name.rpartition(".")[2]])

    @app.get("/about")
    def about() -> Response:
        return jsonify(work.about)

    _work(app, work)
    _errors(app)
    return app


def _work(app: Flask, work: Work) -> None:
    """Answer what the page asks."""

    @app.post("/recognise/<run_id>")
    def recognise(run_id: str) -> Response:
        return jsonify(work.recognise(run_id, request.get_data(cache=False)))

    @app.post("/recognise/<run_id>/<gallery>/<row>")
    def recognise_hit(run_id: str, gallery: str, row: str) -> Response:
        file = work.file(gallery, row)
        return jsonify(work.recognise(run_id, read_bytes(file, "the gallery has changed")))

    @app.post("/search")
    def search() -> Response:
        try:
            asked = Asked.model_validate_json(request.get_data(cache=False))
        except ValidationError as error:
            raise UserError(f"no query: {error.errors()[0]['msg']}") from None
        return jsonify(work.search(asked))

    @app.get("/picture/<run_id>/<row>")
    def picture(run_id: str, row: str) -> Response:
        file = work.file(run_id, row)
        with work.decoding:
            return Response(answers.thumbnail(file), mimetype="image/png")


def _errors(app: Flask) -> None:
    """Say in one line why there is no answer; a bug has its traceback on standard error."""

    @app.errorhandler(UserError)
    def wrong(error: UserError) -> Response:
        return _refused(str(error), 400)

    @app.errorhandler(HTTPException)
    def refused(error: HTTPException) -> Response:
        large = f"the picture has more than {LARGEST >> 20} MiB; make it smaller"
        return _refused(large if error.code == 413 else str(error.description), error.code or 500)


def _refused(message: str, status: int) -> Response:
    """Return an answer that says why there is no other."""
    answer = jsonify(error=message)
    answer.status_code = status
    return answer


class _Handler(WSGIRequestHandler):
    """Gives up on a silent connection, and says nothing of what goes well."""

    timeout = PATIENCE

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing."""


def listening(app: Flask, host: str, port: int) -> BaseWSGIServer:
    """Return a server that `BaseWSGIServer.serve_forever` lets answer until Ctrl-C.

    Args:
        app: Its answers.
        host: Name or address to listen at.
        port: 0 takes a free one.

    Raises:
        UserError: If nothing can listen there.
    """
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        own = socket.create_server((host, port), family=family)
    except OSError as error:
        raise UserError(
            f"--host {host} --port {port}: {error.strerror}; --port 0 takes a free one"
        ) from None
    with own:  # the server has a copy of its descriptor
        number = own.getsockname()[1]
        return make_server(
            host, number, app, threaded=True, request_handler=_Handler, fd=own.fileno()
        )
