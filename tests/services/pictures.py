"""Pictures as people send them for candidates."""

from io import BytesIO
from typing import Any

from PIL import Image


def picture(size: tuple[int, int] = (900, 1200), kind: str = "PNG", **how: Any) -> bytes:
    """The bytes of a picture in one colour; ``how`` is what the library writes it with."""
    written = BytesIO()
    Image.new("RGB", size, "navy").save(written, kind, **how)
    return written.getvalue()


PICTURE = picture((90, 120))
