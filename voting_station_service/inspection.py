"""Looks into a photograph of a tally sheet: is it what it says, whole, and nothing besides.

What is looked at may be hostile, so ``inspect`` has this file run as a program (``shared/bounded_process.py``), which
says the ``media_type``, or with ``refused`` the sentence.
"""

import io
import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# A sheet of paper in colour at 400 dots an inch has 15 million, the camera of a good telephone up to 50.
MOST_PIXELS = 60_000_000
MOST_PAGES = 10

_MOST_OBJECTS = 20_000
_MOST_VALUES = 500_000

_MEDIA_TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp", "PDF": "application/pdf"}

# What no photograph needs, and a reader that takes it for a page would run.
_MARKUP = re.compile(rb"<script|<!doctype|<html|<\?php|<iframe", re.IGNORECASE)
# What makes a PDF do something, or carry something along. Long names are looked for in the bytes, too, because what an
# older version of the file held is in no table of its objects.
_ACTIVE = {
    *("/JavaScript", "/JS", "/OpenAction", "/AA", "/Launch", "/EmbeddedFile", "/EmbeddedFiles", "/RichMedia", "/XFA"),
    *("/GoToE", "/SubmitForm", "/ImportData", "/Movie", "/Sound", "/Rendition", "/Filespec"),
}
_LONG_ACTIVE = re.compile(
    rb"/(?:JavaScript|OpenAction|Launch|EmbeddedFiles?|RichMedia|SubmitForm|ImportData)(?![A-Za-z])"
)
_ESCAPED = re.compile(rb"#([0-9A-Fa-f]{2})")


class Refused(Exception):  # The sentence is for the official who has sent the photograph.
    """A photograph that is not taken."""

    def __init__(self, template: str, /, **values: str | int) -> None:
        super().__init__(template.format(**values))
        self.said = {"refused": str(self), "template": template, "values": values}


@dataclass(frozen=True)
class Inspected:
    """What a file was found to be; one of the two is empty."""

    media_type: str
    refused: str


def inspect(content: bytes) -> Inspected:
    """What ``content`` is by itself, whatever its name says."""
    # The program has nothing of the suite, so this is not at the top of the file.
    from shared.bounded_process import ask
    from shared.sentences import heard, say

    said = ask(Path(__file__), content)
    if said is None:
        refused = say(
            "This file takes more memory or time to look at than a photograph does. Send a photograph as JPEG, PNG or "
            "WebP, or a scan as PDF."
        )
        return Inspected("", refused)
    return Inspected(said.get("media_type", ""), heard(said))


def look_into(content: bytes) -> str:
    """The media type of a photograph; raises ``Refused``."""
    kind = _kind(content)
    if _MARKUP.search(content):
        raise Refused(
            "This file holds parts of a web page or a program. Send a photograph as JPEG, PNG or WebP, or a scan as "
            "PDF."
        )
    if kind == "PDF":
        _look_into_pdf(content)
    else:
        _look_into_image(content, kind)
    return _MEDIA_TYPES[kind]


def _kind(content: bytes) -> str:
    if content.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "WEBP"
    if content.startswith(b"%PDF-"):
        return "PDF"
    raise Refused(
        "This is no photograph that can be taken, by its content. Send a photograph as JPEG, PNG or WebP, or a scan "
        "as PDF."
    )


def _look_into_image(content: bytes, kind: str) -> None:
    end = {"JPEG": _end_of_jpeg, "PNG": _end_of_png, "WEBP": _end_of_webp}[kind](content)
    if content[end:].strip(b"\0"):
        raise Refused(
            "Something follows in this file after its picture, as in live or motion photographs. Take it again as a "
            "plain photograph, or scan the sheet."
        )
    from PIL import Image

    try:
        # The library warns above its limit, which is an error here, before it has unpacked anything.
        Image.MAX_IMAGE_PIXELS = MOST_PIXELS
        with Image.open(io.BytesIO(content), formats=[kind]) as image:
            if image.width * image.height > MOST_PIXELS:
                raise _too_large()
            if getattr(image, "n_frames", 1) > 1 and kind != "JPEG":
                raise Refused("This picture moves; a photograph of a sheet is a single picture.")
            image.load()
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise _too_large() from None
    except (Refused, MemoryError):
        raise
    except Exception:
        raise Refused(
            "This {kind} cannot be read to its end; it is damaged or was cut off. Send it again.", kind=kind
        ) from None


def _too_large() -> Refused:
    millions = MOST_PIXELS // 1_000_000
    return Refused("This picture has more than {millions} million pixels; make it smaller.", millions=millions)


def _end_of_png(content: bytes) -> int:
    """Where a PNG ends: after the chunk IEND."""
    place = 8
    while place + 12 <= len(content):
        is_last = content[place + 4 : place + 8] == b"IEND"
        place += 12 + int.from_bytes(content[place : place + 4], "big")
        if is_last:
            return place
    raise Refused("This PNG has no end; it is damaged or was cut off. Send it again.")


def _end_of_webp(content: bytes) -> int:
    length = int.from_bytes(content[4:8], "little")
    return 8 + length + length % 2


def _end_of_jpeg(content: bytes) -> int:
    """Where the last of the pictures ends with which a JPEG begins; cameras put smaller ones behind the first."""
    place = _end_of_one_jpeg(content, 0)
    while content.startswith(b"\xff\xd8\xff", place):
        place = _end_of_one_jpeg(content, place)
    return place


def _end_of_one_jpeg(content: bytes, place: int) -> int:
    place += 2
    while (place := content.find(b"\xff", place)) != -1 and place + 1 < len(content):
        marker = content[place + 1]
        if marker == 0xD9:
            return place + 2
        # In a picture itself an FF is followed by 00, or by one of eight marks that have no contents; others may be
        # filled up with further FF.
        if marker == 0xFF:
            place += 1
        elif marker in (0x00, 0x01) or 0xD0 <= marker <= 0xD7:
            place += 2
        elif place + 4 <= len(content):
            place += 2 + max(int.from_bytes(content[place + 2 : place + 4], "big"), 2)
        else:
            break
    raise Refused("This JPEG has no end; it is damaged or was cut off. Send it again.")


def _look_into_pdf(content: bytes) -> None:
    import logging

    from pypdf import PdfReader

    logging.disable(logging.CRITICAL)
    if content.rstrip(b"\0\r\n\t ")[-5:] != b"%%EOF":
        raise Refused("This PDF has no end, or something follows after it. Scan the sheet again.")
    if _LONG_ACTIVE.search(_ESCAPED.sub(lambda found: bytes([int(found[1], 16)]), content)):
        raise _active()
    try:
        reader = PdfReader(io.BytesIO(content))
        if reader.is_encrypted:
            raise Refused("This PDF is encrypted, so that nobody can look at it; send it without a password.")
        if not 1 <= len(reader.pages) <= MOST_PAGES:
            raise Refused(
                "This PDF has {pages} pages; a scan of a sheet has 1 to {most}.",
                pages=len(reader.pages),
                most=MOST_PAGES,
            )
        _refuse_active(reader)
    except (Refused, MemoryError):
        raise
    except Exception:
        raise Refused("This PDF cannot be read; it is damaged or was cut off. Scan the sheet again.") from None


def _active() -> Refused:
    return Refused("This PDF runs something or carries files along; send a plain scan, or a photograph.")


def _refuse_active(reader: Any) -> None:
    """Go through every object, reachable or not, and through the trailer."""
    numbers = {(number, generation) for generation, found in reader.xref.items() for number in found}
    numbers |= {(number, 0) for number in reader.xref_objStm}
    if len(numbers) > _MOST_OBJECTS:
        raise Refused("This PDF has more parts than a scan of a sheet; send a plain scan, or a photograph.")
    from pypdf.generic import IndirectObject

    left: list[Any] = [reader.trailer]
    left += [
        IndirectObject(number, generation, reader).get_object() for number, generation in sorted(numbers) if number
    ]
    values = 0
    while left:
        value = left.pop()
        values += 1
        if values > _MOST_VALUES:
            raise Refused("This PDF has more parts than a scan of a sheet; send a plain scan, or a photograph.")
        if isinstance(value, dict):
            if _ACTIVE & set(map(str, dict.keys(value))):
                raise _active()
            left += dict.values(value)
        elif isinstance(value, list):
            left += list.__iter__(value)
        elif isinstance(value, str) and value in _ACTIVE and str(value).startswith("/"):
            raise _active()


def main() -> None:
    """Look into what stands on the standard input."""
    try:
        said: dict[str, Any] = {"media_type": look_into(sys.stdin.buffer.read())}
    except Refused as error:
        said = error.said
    sys.stdout.write(json.dumps(said))


if __name__ == "__main__":
    main()
