"""Photographs of tally sheets: what is taken, and every disguise in which something else came."""

import io
import zipfile
import zlib
from collections.abc import Callable

import pytest
from PIL import Image
from pypdf import PdfWriter
from pypdf.generic import ArrayObject, DictionaryObject, NameObject, StreamObject, TextStringObject

from shared import bounded_process
from shared.sheets import photographs
from tests.services.sheets import picture
from voting_station_service.inspection import Refused, inspect, look_into


def scan(change: Callable[[PdfWriter], object] = lambda _: None, pages: int = 1) -> bytes:
    """A PDF with so many pages, changed before it is written."""
    writer = PdfWriter()
    for _ in range(pages):
        writer.add_blank_page(210, 297)
    change(writer)
    content = io.BytesIO()
    writer.write(content)
    return content.getvalue()


def chunk(name: bytes, content: bytes) -> bytes:
    named = name + content
    return len(content).to_bytes(4, "big") + named + zlib.crc32(named).to_bytes(4, "big")


def png_of(width: int, height: int) -> bytes:
    """A PNG that says to be so large and is short."""
    size = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([8, 2, 0, 0, 0])
    rows = zlib.compress(bytes(2_000_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def moving(kind: str) -> bytes:
    frames = [Image.new("RGB", (32, 32), colour) for colour in ("red", "green", "blue")]
    content = io.BytesIO()
    frames[0].save(content, kind, save_all=True, append_images=frames[1:])
    return content.getvalue()


def archive() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        file.writestr("a.txt", "a")
    return content.getvalue()


def with_key(name: str, value: object = None) -> Callable[[PdfWriter], object]:
    """Puts a key into the catalogue of a PDF."""
    said = value or DictionaryObject({NameObject("/S"): NameObject("/Nothing")})
    return lambda writer: writer._root_object.update({NameObject(name): said})


def with_stray_object(value: object) -> Callable[[PdfWriter], object]:
    """Adds an object that nothing refers to; only a reader that puts a damaged file together would find it."""
    return lambda writer: writer._add_object(value)  # type: ignore[arg-type]  # Typed for what it knows.


def compressed(name: str) -> bytes:
    """A PDF of which an object with this name lies inside of a compressed stream of objects."""
    inner = b"1 0 << /S /%s >>" % name.encode()
    stream = StreamObject()
    stream.set_data(zlib.compress(inner))
    stream.update({NameObject("/Filter"): NameObject("/FlateDecode")})
    writer = PdfWriter()
    writer.add_blank_page(210, 297)
    writer._root_object.update({NameObject("/Names"): DictionaryObject({NameObject("/" + name): ArrayObject([])})})
    content = io.BytesIO()
    writer.compress_identical_objects()
    writer.write(content)
    return content.getvalue()


def pdf_of_picture() -> bytes:
    content = io.BytesIO()
    Image.linear_gradient("L").save(content, "PDF")
    return content.getvalue()


TAKEN = {
    "JPEG": (picture(), "image/jpeg"),
    "progressive JPEG": (picture(progressive=True), "image/jpeg"),
    "JPEG with a preview behind it": (picture() + picture(size=(16, 12)), "image/jpeg"),
    "JPEG filled up with zeros": (picture() + bytes(100), "image/jpeg"),
    "PNG": (picture("PNG"), "image/png"),
    "WebP": (picture("WEBP"), "image/webp"),
    "PDF": (scan(), "application/pdf"),
    "PDF of a scanner": (pdf_of_picture(), "application/pdf"),
    "PDF with ten pages": (scan(pages=10), "application/pdf"),
}

REFUSED = {
    "nothing we know": (b"what is this", "no photograph"),
    "GIF": (picture("GIF"), "no photograph"),
    "SVG": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "no photograph"),
    "HTML": (b"<!doctype html><script>alert(1)</script>", "no photograph"),
    "a program": (b"\x7fELF" + bytes(60), "no photograph"),
    "an archive": (archive(), "no photograph"),
    "a JPEG with an archive behind it": (picture() + archive(), "Something follows"),
    "a JPEG with a page behind it": (picture() + b"<HTML><body>", "web page"),
    "a JPEG with a film behind it": (picture() + b"\0\0\0\x18ftypmp42", "Something follows"),
    "a JPEG with a script in its comment": (picture(comment=b"<script>alert(1)</script>"), "web page"),
    "a PNG with an archive behind it": (picture("PNG") + archive(), "Something follows"),
    "a WebP with an archive behind it": (picture("WEBP") + archive(), "Something follows"),
    "half a JPEG": (picture()[:-300], "no end"),
    "a JPEG without a picture": (b"\xff\xd8\xff\xd9", "cannot be read"),
    "half a PNG": (picture("PNG")[:-30], "no end"),
    "half a WebP": (picture("WEBP")[:-30], "cannot be read"),
    "a PNG with a broken chunk": (picture("PNG").replace(b"IDAT", b"IDAX"), "cannot be read"),
    "a JPEG named PNG inside": (b"\x89PNG\r\n\x1a\n" + picture(), "no end"),
    "a bomb": (png_of(60_000, 60_000), "million pixels"),
    "a small bomb": (png_of(10_000, 7_000), "million pixels"),
    "a moving PNG": (moving("PNG"), "moves"),
    "a moving WebP": (moving("WEBP"), "moves"),
    "a PDF with a script at its opening": (scan(with_key("/OpenAction")), "runs something"),
    "a PDF with further actions": (scan(with_key("/AA")), "runs something"),
    "a PDF with a form of XFA": (
        scan(with_key("/AcroForm", DictionaryObject({NameObject("/XFA"): ArrayObject()}))),
        "runs",
    ),
    "a PDF with a file": (scan(lambda writer: writer.add_attachment("a.txt", b"a")), "carries files"),
    "a PDF with a stray script": (
        scan(with_stray_object(DictionaryObject({NameObject("/JS"): TextStringObject("app.alert(1)")}))),
        "runs something",
    ),
    "a PDF with a stray launch": (
        scan(with_stray_object(ArrayObject([DictionaryObject({NameObject("/S"): NameObject("/Launch")})]))),
        "runs something",
    ),
    "a PDF with an escaped name": (scan(with_key("/OpenAction")).replace(b"/OpenAction", b"/Open#41ction"), "runs"),
    "a PDF with a script in an older version": (
        b"%PDF-1.4\n9 0 obj\n<< /S /JavaScript >>\nendobj\n" + scan(),
        "runs something",
    ),
    "a PDF with a script among its names": (compressed("JavaScript"), "runs something"),
    "an encrypted PDF": (scan(lambda writer: writer.encrypt("secret")), "encrypted"),
    "a PDF with eleven pages": (scan(pages=11), "11 pages"),
    "half a PDF": (scan()[:-200], "no end"),
    "a PDF with an archive behind it": (scan() + archive(), "no end"),
    "a PDF without objects": (b"%PDF-1.7\n%%EOF", "cannot be read"),
}


@pytest.mark.parametrize("case", TAKEN)
def test_photographs_are_taken_for_what_they_are(case: str) -> None:
    content, media_type = TAKEN[case]
    assert look_into(content) == media_type == photographs.media_type(content)


def test_the_daemon_takes_a_script_for_nothing_though_it_has_the_second_mark_of_a_picture() -> None:
    assert photographs.media_type(b"RIFF\x04\0\0\0WEBP") == "image/webp"
    assert photographs.media_type(b"<script>WEBP") is None


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_photograph_or_more_than_one_is_refused_with_a_sentence(case: str) -> None:
    content, words = REFUSED[case]
    with pytest.raises(Refused, match=words) as refusal:
        look_into(content)
    assert str(refusal.value).endswith(".")


def test_it_is_looked_at_in_a_process_of_its_own_with_the_same_outcome() -> None:
    assert inspect(picture()).media_type == "image/jpeg"
    assert "million pixels" in inspect(png_of(60_000, 60_000)).refused
    assert "no photograph" in inspect(archive()).refused


@pytest.mark.parametrize(("limit", "value"), [("SECONDS", 0.001), ("MEMORY", 40 * 1024 * 1024)], ids=["time", "memory"])
def test_what_takes_too_much_time_or_memory_is_refused(
    monkeypatch: pytest.MonkeyPatch, limit: str, value: object
) -> None:
    large = picture(size=(5000, 5000))
    assert inspect(large).refused == ""
    monkeypatch.setattr(bounded_process, limit, value)
    assert "more memory or time" in inspect(large).refused
