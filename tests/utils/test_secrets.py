"""No form of a secret passes, and what is none stays as it is."""

import random
import string

import pytest

from clear_bench.utils.secrets import MASK, masked

FORMS = (
    "--storage postgresql://u:{s}@h/d", "mysql+pymysql://u:p@{s}@h:3306/d", "https://{s}@h/x",
    "postgresql://h/d?user=u&password={s}&sslmode=require", "http://h/?a=1&sslpassword={s}",
    "host=h user=u password={s} dbname=d", "password = {s}", "password='{s} x' dbname=d",
    "PGPASSWORD={s} train", "MLFLOW_TRACKING_PASSWORD={s}", "AWS_SECRET_ACCESS_KEY={s}",
    "MLFLOW_TRACKING_URI=http://u:{s}@h:5000", '{{"password": "{s}", "x": 1}}', "token={s}",
    "Authorization: Bearer {s}", "Authorization: Basic {s}", "--db-password {s}", "--token={s}",
    "odbc_connect=DRIVER%3Dx%3BPWD%3D{s}%3BUID%3Du", "Server=h;Pwd={s};Uid=u", "api_key={s}",
    "https://h/c?sig={s}&se=1", "AccountKey={s}", "http%3A%2F%2Fu%3A{s}%40h%2Fd", "sslpassword={s}",
    "(psycopg.OperationalError) connection to postgresql://u:{s}@h/d failed", "passwd: {s}",
    "grpc://u:{s}@h:13000", "journal://u:{s}@h",
)  # fmt: skip
PLAIN = (
    "train --method=clear --set recognition.model.tokens=8 --set text.encoder=minilm",
    "password authentication failed for user u", "journal:runs/studies/optuna.log",
    "sqlite:///x.db", "http://h:5000/x?y=1", "basic settings", "gt-all@mean a/b@prompt",
    "python -m clear_bench.train --set data.split=zs --runs runs",
)  # fmt: skip


def check(cases):
    rng = random.Random(15)  # noqa: S311
    letters = string.ascii_letters + string.digits + "-_.~!$*+/"
    for _ in range(cases):
        secret = "Zq" + "".join(rng.choices(letters, k=rng.randint(6, 30))) + "9x"
        form = rng.choice(FORMS)
        before, after = rng.choice(("", "error: ", "x y ")), rng.choice(("", " and more", "; z"))
        said = masked(before + form.format(s=secret) + after)
        assert secret not in said, form
        assert MASK in said
        assert masked(said) == said, "masked twice it is another text"


def test_no_form_of_a_secret_passes():
    check(400)


@pytest.mark.slow
def test_no_form_of_a_secret_passes_many():
    check(20_000)


@pytest.mark.parametrize("text", PLAIN)
def test_what_is_no_secret_stays(text):
    assert masked(text) == text


def test_values_of_the_environment_are_masked_wherever_they_stand(monkeypatch):
    monkeypatch.setenv("MY_DB_PASSWORD", "open sesame")
    monkeypatch.setenv("MY_FOLDER", "somewhere")
    assert masked("it said open sesame at somewhere") == f"it said {MASK} at somewhere"


def test_the_folder_of_a_shell_is_no_password(monkeypatch):
    monkeypatch.setenv("PWD", "/home/me/bench")
    monkeypatch.setenv("DB_PWD", "open sesame")
    said = masked("/home/me/bench/a.csv: No such file; open sesame")
    assert said == f"/home/me/bench/a.csv: No such file; {MASK}"


def test_a_record_keeps_no_secret(monkeypatch):
    from clear_bench.runs.provenance import provenance

    words = ["ablate.py", "--storage", "postgresql://u:hunter2@h/d", "--set=a=\udcff\x1b"]
    monkeypatch.setattr("sys.argv", words)
    command = provenance()["command"]
    assert "hunter2" not in command and "postgresql://***@h/d" in command
    assert command.isprintable()
