"""Files of every kind and of no kind at all: text, Markdown, HTML and PDF, whole, damaged and hostile."""

from __future__ import annotations

import re
from collections.abc import Callable
from io import BytesIO

import pytest
from fpdf import FPDF, FontFace
from fpdf.enums import EncryptionMethod
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pyai_voice.errors import RequestError
from pyai_voice.server.knowledge import Document
from pyai_voice.server.knowledge.documents import MOST_BYTES, MOST_CHARACTERS, read_document

CODES = {"document_too_large", "empty_document", "unreadable_document"}

TEXT = "Hours and café prices.\r\n\r\nMonday to Friday, 8 to 18.\nSaturday closed – even for Zoë.\r\n"

MARKDOWN = """---
title: not for callers
---
# Harbour Dental

Open **every** weekday, see [the *map*](https://example.org/map).
Also by appointment.

## Prices ##

| Treatment | Price |
| --------- | ----: |
| Check-up  | 45 euro |
| White filling | from 90 euro |

| Only heads | and no row |
| --- | --- |

- Bring your card
- Bring `form-7B`
  1. signed

> A quote.

```
code MX-204
```

<div><p>From HTML</p><script>alert("never")</script></div>
"""

HTML = """<!doctype html><html><head><title>Roastery</title><style>p { color: red }</style>
<script>var secret = "never";</script></head><body>
<nav><a href="/">Home</a> <a href="/shop">Shop</a></nav>
<h2>Our <em>beans</em></h2>
<p>Roasted on <b>Tues</b>day.<br>Shipped on Thursday.</p>
<ul><li>Kilo bag<li>Sample &amp; gift</ul>
<table><caption>Prices</caption><thead><tr><th>Bean</th><th>Price</th></tr></thead>
<tr><td><p>Sidama</p></td><td>14<br>euro</td></tr><tr><th>Huila</th><td>13 euro</td></tr></table>
<table><tr><td><h3>Left</h3><p>Layout text</p></td><td><table><tr><td>inner cell</td></tr></table></td></tr></table>
loose end <noscript>never</noscript><footer>Mill Lane 3</footer>
</body></html>"""


def shown(document: Document) -> list[str]:
    return [f"{'#' * block.level} {block.text}".strip() for block in document.blocks]


def refusal(data: bytes, media_type: str = "", name: str = "") -> RequestError:
    with pytest.raises(RequestError) as caught:
        read_document(data, media_type, name)
    assert caught.value.code in CODES
    return caught.value


def pdf(*, pages: int = 1, **protection: object) -> bytes:
    paper = FPDF()
    if protection:
        paper.set_encryption(owner_password="owner", **protection)  # pyright: ignore[reportArgumentType]
    for page in range(pages):
        paper.add_page()
        for text, style, size in [
            (f"Price list {page + 1}", "B", 20),
            ("A check-up costs 45 euro. It takes half an hour, and we look at every tooth that you have. " * 3, "", 11),
            ("Fillings", "B", 14),
            (
                "White fillings cost from 90 euro, depending on the number of faces that the filling has to cover. "
                * 2,
                "",
                11,
            ),
        ]:
            paper.set_font("Helvetica", style, size)
            paper.multi_cell(0, size * 0.5, text.strip(), new_x="LMARGIN", new_y="NEXT")
        with paper.table(headings_style=FontFace()) as table:
            for row in (("Crown", "540 euro"), ("Bridge", "1200 euro")):
                table.row(row)
    return bytes(paper.output())


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252"])
def test_plain_text_in_every_usual_encoding(encoding: str) -> None:
    document = read_document(TEXT.encode(encoding), "text/plain", "hours.txt")
    assert shown(document) == [
        "Hours and café prices.",
        "Monday to Friday, 8 to 18. Saturday closed – even for Zoë.",
    ]
    assert document.title == "hours"


@pytest.mark.parametrize("mark, encoding", [(b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")])
def test_both_byte_orders(mark: bytes, encoding: str) -> None:
    assert shown(read_document(mark + "Größe: 5 €".encode(encoding)))[0] == "Größe: 5 €"


def test_a_declared_charset_counts_and_a_nonsense_one_does_not() -> None:
    assert shown(read_document("Привет".encode("koi8-r"), "text/plain; charset=KOI8-R")) == ["Привет"]
    assert shown(read_document("Zoë".encode(), 'text/plain; charset="no-such-charset"')) == ["Zoë"]
    assert shown(read_document("Zoë".encode(), "text/plain; charset=idna")) == ["Zoë"]
    assert shown(read_document("Zoë".encode(), "text/plain; charset=zlib_codec")) == ["Zoë"]


def test_markdown_keeps_titles_lists_code_and_rows_with_their_heads() -> None:
    document = read_document(MARKDOWN.encode(), "text/markdown; charset=utf-8")
    assert document.title == "Harbour Dental"
    assert shown(document) == [
        "# Harbour Dental",
        "Open every weekday, see the map. Also by appointment.",
        "## Prices",
        "Treatment: Check-up; Price: 45 euro",
        "Treatment: White filling; Price: from 90 euro",
        "Only heads; and no row",
        "Bring your card",
        "Bring form-7B",
        "signed",
        "A quote.",
        "code MX-204",
        "From HTML",
    ]


def test_html_is_read_as_a_reader_of_the_page_sees_it() -> None:
    document = read_document(HTML.encode(), "text/html")
    assert document.title == "Roastery"
    assert shown(document) == [
        "# Roastery",
        "## Our beans",
        "Roasted on Tuesday.",
        "Shipped on Thursday.",
        "Kilo bag",
        "Sample & gift",
        "Prices",
        "Bean: Sidama; Price: 14 euro",
        "Bean: Huila; Price: 13 euro",
        "### Left",
        "Layout text",
        "inner cell",
        "loose end",
        "Mill Lane 3",
    ]


def test_html_that_is_never_closed() -> None:
    assert shown(read_document(b"<html><table><tr><td>one<td>two<tr><td>three<h1>Four")) == [
        "one; two",
        "three",
        "# Four",
    ]


@pytest.mark.parametrize(
    "data, media_type, name, first",
    [
        (b"# A title", "text/markdown", "", "# A title"),
        (b"# A title", "", "a.MD", "# A title"),
        (b"# A title", "text/plain", "a.md", "# A title"),
        (b"# No title", "text/plain", "a.txt", "# No title"),
        (b"# No title", "", "", "# No title"),
        (b"<h1>A</h1>", "application/octet-stream", "a.htm", "# A"),
        (b" <!-- x --> <!DOCTYPE html><h1>A</h1>", "", "", "# A"),
        (b"<h1>A</h1> is a tag", "text/plain", "", "<h1>A</h1> is a tag"),
    ],
)
def test_what_it_is_says_the_media_type_or_the_name_or_the_content(
    data: bytes, media_type: str, name: str, first: str
) -> None:
    document = read_document(data, media_type, name)
    assert shown(document)[0] == first
    assert bool(document.blocks[0].level) == (first == "# A title" or first == "# A")


@pytest.mark.parametrize(
    "media_type, name", [("application/pdf", ""), ("", "a.pdf"), ("text/plain", "a.txt"), ("", "")]
)
def test_a_pdf_is_known_by_its_content_and_keeps_titles_and_rows(media_type: str, name: str) -> None:
    document = read_document(pdf(pages=2), media_type, name)
    assert document.title == "Price list 1"
    titles = [(block.level, block.text) for block in document.blocks if block.level]
    assert titles == [(1, "Price list 1"), (2, "Fillings"), (1, "Price list 2"), (2, "Fillings")]
    assert "Crown 540 euro" in shown(document)
    assert "Bridge 1200 euro" in shown(document)
    (check_up, *_) = (text for text in shown(document) if text.startswith("A check-up"))
    assert check_up.count("every tooth that you have.") == 3


def test_a_pdf_that_only_forbids_printing_is_read() -> None:
    data = pdf(user_password="", encryption_method=EncryptionMethod.RC4)
    assert read_document(data).title == "Price list 1"


@pytest.mark.parametrize("method", [EncryptionMethod.RC4, EncryptionMethod.NO_ENCRYPTION])
def test_an_encrypted_pdf_is_refused(method: EncryptionMethod) -> None:
    error = refusal(pdf(user_password="secret", encryption_method=method))
    assert (error.code, "encrypted" in str(error)) == ("unreadable_document", True)


def test_a_scan_is_refused_with_the_remedy() -> None:
    paper = FPDF()
    paper.add_page()
    paper.rect(10, 10, 50, 50)
    error = refusal(bytes(paper.output()))
    assert (error.code, "OCR" in str(error)) == ("empty_document", True)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:20],
        lambda data: b"%PDF-1.7\n%%EOF",
        lambda data: data[: data.index(b"stream")],
        lambda data: re.sub(rb"/Pages \d+ 0 R", b"/Pages 99 0 R", data),
        lambda data: data.replace(b"/Type /Catalog", b"/Type /Nothing").replace(b"/Pages", b"/Sages"),
        lambda data: b"%PDF-" + bytes(range(256)) * 40,
    ],
)
def test_a_damaged_pdf_is_refused(damage: Callable[[bytes], bytes]) -> None:
    assert refusal(damage(pdf())).code in ("unreadable_document", "empty_document")


def test_a_broken_table_of_contents_is_mended() -> None:
    data = re.sub(rb"startxref\n\d+", b"startxref\n7", pdf())
    assert read_document(data).title == "Price list 1"


def test_a_pdf_that_grows_without_end_when_it_is_unpacked() -> None:
    assert refusal(bomb()).code in CODES


def bomb() -> bytes:
    """A page of 300 kB that unpacks to 300 MB."""
    import zlib

    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(b" " * (1 << 20)) for _ in range(300)) + packer.flush()
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 4 0 R>>",
        b"<</Filter/FlateDecode/Length %d>>stream\n%s\nendstream" % (len(packed), packed),
    ]
    out = BytesIO(b"%PDF-1.4\n")
    out.seek(0, 2)
    for number, content in enumerate(objects, 1):
        out.write(b"%d 0 obj%s endobj\n" % (number, content))
    out.write(b"trailer<</Root 1 0 R/Size 5>>")
    return out.getvalue()


@pytest.mark.parametrize(
    "data, media_type",
    [
        (b"", ""),
        (b" \r\n\t ", "text/plain"),
        (b"\xef\xbb\xbf", "text/plain"),
        (b"---\ntitle: only metadata\n---\n", "text/markdown"),
        (b"***\n\n---\n", "text/markdown"),
        (b"<html><script>alert(1)</script><nav>Home</nav></html>", "text/html"),
        (b"!!! ... ???", "text/plain"),
    ],
)
def test_a_document_without_a_word_is_empty(data: bytes, media_type: str) -> None:
    assert refusal(data, media_type).code == "empty_document"


@pytest.mark.parametrize("data", [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"PK\x03\x04\x14\0\0\0", b"\x7fELF\x02\x01\x01\0"])
@pytest.mark.parametrize("name", ["a.txt", "a.md", "a.html", "a.png"])
def test_what_is_no_text_is_refused(data: bytes, name: str) -> None:
    assert refusal(data, "", name).code == "unreadable_document"


def test_one_byte_too_many() -> None:
    word = b"word "
    assert read_document(b"a" + b" " * (MOST_BYTES - 1)).blocks
    assert refusal(word * (MOST_BYTES // 5) + b"word!").code == "document_too_large"


def test_one_character_too_many() -> None:
    assert len(read_document(b"a" * MOST_CHARACTERS).blocks[0].text) == MOST_CHARACTERS
    assert refusal(b"a" * (MOST_CHARACTERS + 1)).code == "document_too_large"


KINDS = st.sampled_from(["text/plain", "text/markdown", "text/html", "application/pdf", ""])
MARKUP = st.lists(
    st.sampled_from(
        """# ## --- ``` | |--|--| > - 1. [a](b) ![ ]( <table> <tr> <td> <th> </td> </tr> </table> <h1> </h1> <h7> <p> <
        </ <!-- --> <script> </script> <nav> <svg> <template> <body> </body> <![CDATA[ &amp; &#0; a b""".split()
    ).map(lambda piece: piece + " ")
    | st.sampled_from(["\n", "\n\n", "    ", "\t"])
    | st.text(max_size=5),
    max_size=60,
).map("".join)


@given(data=st.binary(max_size=300) | MARKUP.map(str.encode), media_type=KINDS)
@settings(max_examples=400, deadline=None)
@example(data=b"<table></td>x<tr></th></table></tr>", media_type="text/html")
@example(data=b"%PDF-1.4 trailer<</Root 1 0 R/Encrypt 1 0 R>> 1 0 obj<<>>endobj", media_type="")
def test_whatever_the_bytes_are_there_is_a_document_or_one_of_three_refusals(data: bytes, media_type: str) -> None:
    try:
        document = read_document(data, media_type)
    except RequestError as error:
        assert error.code in CODES
    else:
        assert document.blocks
        assert all(
            block.text == " ".join(block.text.split()) != "" and 0 <= block.level <= 6 for block in document.blocks
        )


WHOLE_PDF = pdf()


@given(places=st.lists(st.tuples(st.integers(0, len(WHOLE_PDF) - 1), st.integers(0, 255)), min_size=1, max_size=30))
@settings(max_examples=40, deadline=None)
def test_a_pdf_with_any_bytes_changed_is_read_or_refused(places: list[tuple[int, int]]) -> None:
    data = bytearray(WHOLE_PDF)
    for at, value in places:
        data[at] = value
    try:
        assert read_document(bytes(data), "application/pdf").blocks
    except RequestError as error:
        assert error.code in CODES


@given(data=st.integers(0, len(WHOLE_PDF)))
@settings(max_examples=30, deadline=None)
def test_a_pdf_that_ends_anywhere_is_read_or_refused(data: int) -> None:
    try:
        assert read_document(WHOLE_PDF[:data], "application/pdf").blocks
    except RequestError as error:
        assert error.code in CODES
