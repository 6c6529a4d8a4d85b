"""How big a picture is, read from its first bytes."""

import struct

# JPEG's "start of frame" markers; the others among these numbers say something else.
_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def size(content: bytes) -> tuple[int, int] | None:
    """Return width and height of a PNG, GIF or JPEG, or None for anything else."""
    try:
        if content.startswith(b"\x89PNG\r\n\x1a\n"):
            return _pair(">II", content, 16)
        if content.startswith((b"GIF87a", b"GIF89a")):
            return _pair("<HH", content, 6)
        if content.startswith(b"\xff\xd8"):
            return _jpeg_size(content)
    except struct.error:
        pass  # It ends before it says so.
    return None


def _pair(layout: str, content: bytes, position: int) -> tuple[int, int]:
    one, other = struct.unpack_from(layout, content, position)
    return one, other


def _jpeg_size(content: bytes) -> tuple[int, int] | None:
    position = 2
    while True:
        prefix, marker, length = struct.unpack_from(">BBH", content, position)
        if prefix != 0xFF:
            return None
        if marker in _START_OF_FRAME:
            height, width = _pair(">HH", content, position + 5)
            return width, height
        position += 2 + length
