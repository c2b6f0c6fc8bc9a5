"""The words of a PDF that Chromium prints, and whether a PDF of matplotlib's brings its fonts.

Enough of the format for that, and no more.
"""

import re
import unicodedata
import zlib


def pdf_text(data):
    """Return the text of a PDF's pages in one line without blanks.

    Letters are numbers of glyphs; each font has a table that says which letter a glyph is.
    """
    objects = _objects(data)
    font_of = {}
    for body in objects.values():
        for name, number in re.findall(rb"/(F\d+) (\d+) 0 R", body):
            table = re.search(rb"/ToUnicode (\d+) 0 R", objects[int(number)])
            if table:
                font_of[name] = _letters(_stream(objects[int(table[1])]).decode("latin-1"))
    words = []
    for body in objects.values():
        text = _stream(body)
        if b" Tf" not in text:
            continue
        letters = {}
        for name, glyphs in re.findall(rb"/(F\d+) [\d.-]+ Tf|<([0-9A-Fa-f]+)> Tj", text):
            if name:
                letters = font_of.get(name, {})
                continue
            codes = [int(glyphs[k : k + 4], 16) for k in range(0, len(glyphs), 4)]
            words.append("".join(letters.get(code, "") for code in codes))
    plain = unicodedata.normalize("NFKC", "".join(words))  # "fi" may be one letter
    return re.sub(r"\s", "", plain)


def _objects(data):
    """Return number -> object; what is packed may hold any bytes, so its length is what counts."""
    found, place = {}, 0
    while start := re.compile(rb"(\d+) 0 obj\s").search(data, place):
        end = data.index(b"endobj", start.end())
        stream = re.compile(rb"stream\r?\n").search(data, start.end(), end)
        if stream:
            length = re.search(rb"/Length (\d+)", data[start.end() : stream.start()])
            end = stream.end() + int(length[1])
        found[int(start[1])] = data[start.end() : end]
        place = end
    return found


def _stream(body):
    """Return an object's stream, unpacked; nothing if it has none."""
    head, found, packed = body.partition(b"stream")
    if not found:
        return b""
    packed = packed.removeprefix(b"\r").removeprefix(b"\n")
    return zlib.decompress(packed) if b"/FlateDecode" in head else packed


def _letters(cmap):
    """Return glyph -> letters of a font's table."""
    letters = {}
    for block in re.findall(r"beginbfchar(.*?)endbfchar", cmap, re.DOTALL):
        for glyph, code in re.findall(r"<(\w+)>\s*<(\w+)>", block):
            letters[int(glyph, 16)] = bytes.fromhex(code).decode("utf-16-be")
    for block in re.findall(r"beginbfrange(.*?)endbfrange", cmap, re.DOTALL):
        for first, last, code in re.findall(r"<(\w+)>\s*<(\w+)>\s*<(\w+)>", block):
            for place in range(int(last, 16) - int(first, 16) + 1):
                letters[int(first, 16) + place] = chr(int(code, 16) + place)
    return letters


def assert_fonts_are_embedded(file):
    """Fail unless each font of a picture is in it, and none as drawings of its letters."""
    content = file.read_bytes()
    for stream in re.findall(rb"stream\r?\n(.*?)endstream", content, re.DOTALL):
        try:
            content += zlib.decompress(stream)
        except zlib.error:
            continue
    named = set(re.findall(rb"/FontName\s*/([\w-]+)", content))
    assert named, file.name
    assert content.count(b"/FontFile2") >= len(named), file.name
    assert b"/Type3" not in content, file.name
