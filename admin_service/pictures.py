"""Makes two pictures of what somebody sends for a candidate: decoded, turned upright, made small and written anew.

Nothing of the file itself is kept, so neither what a camera has noted in it nor what somebody has hidden. What is
decoded may be hostile, so ``make`` has this file run as a program (``shared/bounded_process.py``).
"""

import base64
import io
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MOST_BYTES = 8 << 20
# The camera of a good telephone has up to 50 million.
MOST_PIXELS = 60_000_000
LARGE, SMALL = (600, 800), (120, 160)
FEWEST_PIXELS = 60

_QUALITY = 85
_FORMATS = {b"\xff\xd8\xff": "JPEG", b"\x89PNG\r\n\x1a\n": "PNG", b"RIFF": "WEBP"}


class Refused(Exception):  # The sentence is for who has sent the picture.
    """A file of which no pictures are made."""

    def __init__(self, template: str, /, **values: str | int) -> None:
        super().__init__(template.format(**values))
        self.said = {"refused": str(self), "template": template, "values": values}


@dataclass(frozen=True)
class Made:
    """Two pictures as JPEG, within ``LARGE`` and ``SMALL``; or why there are none."""

    large: bytes
    small: bytes
    refused: str


def make(content: bytes) -> Made:
    """The pictures of ``content``, whatever its name or type says."""
    # The program has nothing of the suite, so this is not at the top of the file.
    from shared.bounded_process import ask
    from shared.sentences import heard, say

    said = ask(Path(__file__), content)
    if said is None:
        refused = say("This file takes more memory or time than a picture does. Send a picture as JPEG, PNG or WebP.")
        return Made(b"", b"", refused)
    large, small = (base64.b64decode(said.get(name, "")) for name in ("large", "small"))
    return Made(large, small, heard(said))


def pictures_of(content: bytes) -> dict[str, str]:
    """Both pictures in base 64; raises ``Refused``."""
    kind = next((kind for sign, kind in _FORMATS.items() if content.startswith(sign)), None)
    if kind is None or (kind == "WEBP" and content[8:12] != b"WEBP"):
        raise Refused("This is no picture that can be taken, by its content. Send a picture as JPEG, PNG or WebP.")
    from PIL import Image, ImageOps

    too_large = Refused(
        "This picture has more than {millions} million pixels; make it smaller.", millions=MOST_PIXELS // 1_000_000
    )
    # The library warns above its limit, which is an error here, before it has unpacked anything.
    Image.MAX_IMAGE_PIXELS = MOST_PIXELS
    try:
        with Image.open(io.BytesIO(content), formats=[kind]) as image:
            if image.width * image.height > MOST_PIXELS:
                raise too_large
            if min(image.size) < FEWEST_PIXELS:
                raise Refused(
                    "This picture is too small; each side has at least {fewest} pixels.", fewest=FEWEST_PIXELS
                )
            # Made small first, in place, so that hardly more than one copy of many pixels is ever in memory.
            small = image if image.mode in ("RGB", "RGBA", "L") else image.convert("RGBA")
            small.thumbnail((2 * LARGE[1], 2 * LARGE[1]))
            flat = _without_transparency(ImageOps.exif_transpose(small))
            return {"large": _written(flat, LARGE), "small": _written(flat, SMALL)}
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise too_large from None
    except (Refused, MemoryError):
        raise
    except Exception:
        raise Refused(
            "This {kind} cannot be read to its end; it is damaged or was cut off. Send it again.", kind=kind
        ) from None


def _without_transparency(image: Any) -> Any:
    from PIL import Image

    if image.mode in ("RGB", "L"):
        return image.convert("RGB")
    above = image.convert("RGBA")
    ground = Image.new("RGBA", above.size, "white")
    ground.alpha_composite(above)
    return ground.convert("RGB")


def _written(image: Any, size: tuple[int, int]) -> str:
    """As JPEG with pixels alone: no profile, no place, no camera and no comment."""
    from PIL import Image

    made = image.copy()
    made.thumbnail(size)
    bare = Image.new("RGB", made.size)
    bare.paste(made)
    written = io.BytesIO()
    bare.save(written, "JPEG", quality=_QUALITY, optimize=True)
    return base64.b64encode(written.getvalue()).decode()


def main() -> None:
    """Make pictures of what stands on the standard input."""
    try:
        said: dict[str, Any] = dict(pictures_of(sys.stdin.buffer.read()))
    except Refused as error:
        said = error.said
    sys.stdout.write(json.dumps(said))


if __name__ == "__main__":
    main()
