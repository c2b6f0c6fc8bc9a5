"""What the page holds, and what makes it a leaderboard."""

import base64
import gzip
import io
import json
import re
import tarfile

from fake_runs import fake_bench, fake_run
from page_material import draw, svg
from page_reading import name, plain, read

from clear_bench.config import plugins
from clear_bench.report.bibliography import bibtex_of, papers
from clear_bench.report.tables.build import build_all
from clear_bench.report.tables.write import FORMATS, SUFFIXES
from clear_bench.report.web import write as page
from clear_bench.report.web.archive import archive
from clear_bench.report.web.methods import about
from clear_bench.report.web.model import GAP
from clear_bench.results.load import Results
from clear_bench.runs.files import RECORD
from clear_bench.runs.record import records


def test_figures_stand_where_they_belong(made):
    text = made[1].read_text()
    assert made[1].parent.name == "out"
    sections = dict(zip(*[iter(re.split(r'<section id="([a-z-]+)"', text)[1:])] * 2, strict=True))
    assert 'id="figure-deltas-synthped-depth"' in sections["ablations"]
    assert 'id="figure-comparison-synthped-recognition"' in sections["figures"]
    assert 'id="figure-qualitative-synthped-best"' in sections["qualitative"]
    assert "Runs: gone" in text


def test_the_page_holds_its_figures_and_follows_the_readers_mode(made):
    found = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', made[1].read_text())
    texts = [base64.b64decode(address).decode() for address in found]
    assert len(texts) == 3
    for text in texts:
        assert "prefers-color-scheme: dark" in text
        assert "noon" not in text and "a word" not in text and "100.12 " in text
    kinds = ["image/webp" in text for text in texts]
    again = ["dark) {[id^=text_]" in text for text in texts]  # not the photographs
    assert kinds == again and sorted(kinds) == [False, False, True]
    assert min(map(len, texts)) < len(svg(300, 200))


def test_the_page_holds_every_file_of_its_tables_and_every_record(made):
    root, file = made
    packed = re.search(r'id="archive">([^<]+)<', file.read_text())[1]
    with tarfile.open(fileobj=io.BytesIO(base64.b64decode(packed))) as tar:
        texts = {entry.name: tar.extractfile(entry).read().decode() for entry in tar}
    tables = build_all(Results.load(root))
    for table in tables:
        for form, suffix in SUFFIXES.items():
            assert texts.pop(f"tables/default/{table.stem}{suffix}") == FORMATS[form](table)
    assert len(tables) > 10
    for folder, _ in records(root):
        assert (
            texts.pop(f"runs/{folder.relative_to(root)}/{RECORD}") == (folder / RECORD).read_text()
        )
    assert texts == {"tables/default/references.bib": bibtex_of(Results.load(root))}


def test_a_record_with_a_secret_is_not_sent_round(tmp_path):
    record = fake_run(tmp_path / "runs")
    file = next((tmp_path / "runs").rglob(RECORD))
    known = {**record.model_dump(mode="json")}
    known["provenance"]["command"] = "train.py --mlflow postgresql://me:hush-hush@host/base"
    file.write_text(json.dumps(known))
    made = page.write(Results.load(tmp_path / "runs"), tmp_path / "out").read_text()
    packed = base64.b64decode(re.search(r'id="archive">([^<]+)<', made)[1])
    assert b"hush-hush" not in gzip.decompress(packed)
    assert b"train.py --mlflow" in gzip.decompress(packed)
    assert "hush-hush" not in made


def test_a_long_name_is_packed_whole():
    files = {f"runs/{'x' * 150}/{k}/record.json": f"content {k}" for k in range(3)}
    with tarfile.open(fileobj=io.BytesIO(base64.b64decode(archive(files)))) as tar:
        assert {e.name: tar.extractfile(e).read().decode() for e in tar} == files


def test_another_profile_has_a_page_of_its_own(tmp_path):
    fake_run(tmp_path / "runs", profile="smoke")
    draw(tmp_path / "out", "smoke")
    file = page.write(Results.load(tmp_path / "runs", "smoke"), tmp_path / "out")
    assert file == tmp_path / "out/smoke/index.html"
    assert 'id="figure-comparison-synthped-recognition"' in file.read_text()
    assert " ± " not in read(file)[0]["smoke-synthped-recognition_main-table"][1][-1][0]  # one seed
    links = re.findall(r'<p class="files">.*?</p>', file.read_text(), re.DOTALL)
    assert 'href="./synthped-recognition_main.tex"' in links[0]


def test_profiles_of_one_report_share_a_page(tmp_path):
    for profile in ("default", "smoke"):
        fake_bench(tmp_path / "runs", profile=profile, datasets=("synthped", "peta"))
    results = Results.load(tmp_path / "runs", None)
    file = page.write(results, tmp_path / "out")
    assert file == tmp_path / "out/index.html"
    tables, dialog = read(file)
    shown = {key for key in tables if "recognition_main" in key}
    assert shown == {f"{p}-{d}-recognition_main-table" for p in ("default", "smoke")
                     for d in ("synthped", "peta")}  # fmt: skip
    for profile in ("default", "smoke"):
        place = tables[f"{profile}-peta-recognition_main-table"][1][-1][1]
        group = dialog["groups"][dialog["cells"][int(place)]["group"]]
        assert {run["record"].split("/")[1] for run in group["runs"]} == {profile}
    assert 'href="smoke/peta-recognition_main.tex"' in file.read_text()


def test_an_overview_of_all_data_sets(tmp_path):
    root = tmp_path / "runs"
    fake_bench(root, datasets=("synthped", "peta"), seeds=(0, 1))
    fake_run(root, "deepmar", dataset="peta", quality=9.0)
    tables, _ = read(page.write(Results.load(root), tmp_path / "out"))
    head, *rows = tables["default-overview-recognition-table"]
    heads = [text for text, _ in head]
    own = ["mean rank", "PETA mA", "PETA F1", "synthped mA", "synthped F1"]
    assert heads[:2] == ["rank", "method"] and heads[-5:] == own
    by_name = {name(row): [plain(text) for text, _ in row] for row in rows}
    assert list(by_name) == ["CLEAR", "VTB", "Chance", "DeepMAR"]
    ranks = [by_name[n][heads.index("mean rank")] for n in ("CLEAR", "VTB")]
    assert ranks == ["1.0", "2.0"]  # one without a number on a data set takes no place there
    lacking = by_name["DeepMAR"]
    assert lacking[0].startswith(GAP) and lacking[heads.index("synthped mA")].startswith(GAP)
    for dataset, title in (("synthped", "synthped"), ("peta", "PETA")):
        board, *lines = tables[f"default-{dataset}-recognition_main-table"]
        place = [text for text, _ in board].index("mA")
        for line in lines:
            assert plain(line[place][0]) == by_name[name(line)][heads.index(f"{title} mA")]


def test_a_leaderboard_says_what_a_method_is(tmp_path, monkeypatch):
    paper = {"title": "One", "authors": "B, C", "venue": "CVPR", "year": 2022, "read": "there"}
    said = {"vtb": {"title": "VTB", "family": "language-based", "papers": [{**paper, "doi": "1/x"}],
                    "backbone": {"default": "nano ViT", "paper": "ViT-B/16"}},
            "clear": {"title": "CLEAR", "papers": "vtb", "family": "ours"},
            "chance": {"title": "Chance", "family": "floor",
                       "papers": [{**paper, "title": "Two", "url": "javascript:x"}]}}  # fmt: skip
    as_it_is = plugins.written

    def written(kind, key, word, default):
        if kind != "method":
            return as_it_is(kind, key, word, default)
        return said.get(key, {}).get(word, default)

    monkeypatch.setattr(plugins, "written", written)
    for each in (about, papers):
        each.cache_clear()
    fake_bench(tmp_path / "runs", retrieval=())
    file = page.write(Results.load(tmp_path / "runs"), tmp_path / "out")
    for each in (about, papers):
        each.cache_clear()
    head, *rows = read(file)[0]["default-synthped-recognition_main-table"]
    heads = ["rank", "method", "year", "family", "backbone", "params (M)", "images/s"]
    assert [text for text, _ in head][:7] == heads
    own = {name(row): [text for text, _ in row[:7]] for row in rows}
    assert own["VTB"] == ["2", "VTB", "2022", "language-based", "nano ViT", "2.00", "500"]
    assert own["Chance"][0].startswith(GAP) and own["Chance"][3] == "floor"
    text = file.read_text()
    assert '<a href="https://doi.org/1/x">VTB</a>' in text
    assert '<a href="https://doi.org/1/x">CLEAR</a>' in text
    assert 'href="javascript:' not in text
    assert len(re.findall(r'<tr class="ours">', text)) == 2  # of both tables of recognition
