"""Bitmaps with few colours as the bytes of a PNG, for pictures in which single shapes would be too many."""

from __future__ import annotations

from collections.abc import Sequence
from struct import pack
from zlib import compress, crc32

Colour = tuple[int, int, int, int]


def png(rows: Sequence[bytes], palette: Sequence[Colour]) -> bytes:
    """A PNG of one byte per pixel, each the number of a colour; the same pixels give the same bytes.

    Args:
        rows: from above, all of one length.
        palette: red, green, blue and opacity of at most 256 colours, each 0 to 255.
    """
    head = pack(">IIBBBBB", len(rows[0]), len(rows), 8, 3, 0, 0, 0)
    colours = b"".join(bytes(colour[:3]) for colour in palette)
    opacity = bytes(colour[3] for colour in palette)
    pixels = compress(b"".join(b"\0" + row for row in rows), 9)
    chunks = ((b"IHDR", head), (b"PLTE", colours), (b"tRNS", opacity), (b"IDAT", pixels), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        pack(">I", len(data)) + kind + data + pack(">I", crc32(kind + data)) for kind, data in chunks
    )
