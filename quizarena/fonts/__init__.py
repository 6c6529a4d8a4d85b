"""The fonts of pictures and printed pages: DejaVu, which has Latin, Greek and Cyrillic letters."""

from pathlib import Path

REGULAR = Path(__file__).with_name("DejaVuSans.ttf")
BOLD = Path(__file__).with_name("DejaVuSans-Bold.ttf")
