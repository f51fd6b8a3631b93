"""A user's image under a picture: read with care, and bounded in size."""

from __future__ import annotations

import os
from io import BytesIO
from typing import Any, Final

from convcalc.calculators.answers import Unreachable
from convcalc.files import open_regular
from convcalc.printable import one_line

MOST_BYTES: Final = 64 << 20
"""Largest file that is read."""

MOST_PIXELS: Final = 64 << 20
"""Most pixels of an image that is read."""

KINDS: Final = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")
"""What is read; other readers of Pillow start programs or are rarely tried."""

LONGEST: Final = 360
"""Pixels of the longer side in a picture."""

COLOURS: Final = 128


def photo(path: str | os.PathLike[str], height: int, width: int) -> bytes:
    """An image stretched to the proportions of an input, as the bytes of a PNG of bounded size.

    Args:
        path: the file.
        height: of the input, in pixels.
        width: of the input.

    Raises:
        Unreachable: it is no image that is read, it is too large, or Pillow is not installed.
        OSError: the file cannot be read.
    """
    name = one_line(os.fspath(path))
    try:
        from PIL import Image
    except ImportError:
        raise Unreachable("images are read by Pillow", expected="pip install 'convcalc[image]'") from None
    scale = LONGEST / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    with open_regular(path, MOST_BYTES) as file:
        try:
            with Image.open(file, formats=KINDS) as image:
                if image.width * image.height > MOST_PIXELS:
                    raise Unreachable(
                        f"{name}: an image of {image.width}x{image.height} pixels is too large",
                        expected=f"at most {MOST_PIXELS:,} pixels",
                    )
                return _encoded(image, size)
        except Unreachable:
            raise
        except Exception as error:  # the readers of image formats raise whatever damage leads them to
            if isinstance(error, OSError) and error.filename is not None:
                raise
            raise Unreachable(
                f"{name} is no image that can be read", expected=f"{', '.join(KINDS[:-1])} or {KINDS[-1]}"
            ) from None


def _encoded(image: Any, size: tuple[int, int]) -> bytes:
    from PIL import Image

    image.draft("RGB", size)
    if image.mode.startswith("I"):  # 16 bits of grey
        image = image.point(lambda value: value / 256).convert("L")
    clear = image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info
    shown = image.convert("RGBA" if clear else "RGB").resize(size, Image.Resampling.LANCZOS)
    if clear:
        ground = Image.new("RGBA", size, (255, 255, 255, 255))
        ground.alpha_composite(shown)
        shown = ground.convert("RGB")
    out = BytesIO()
    shown.quantize(COLOURS).save(out, format="PNG", optimize=True)
    return out.getvalue()
