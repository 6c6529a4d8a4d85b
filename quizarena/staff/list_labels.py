"""The labels of a list's columns on a narrow screen, which are as in the heading.

Unfold takes a first column that links nowhere for the box that selects a row, and calls it so; it
writes the others as the fields are called in code, in lower case.
"""

import re
from collections.abc import Generator
from typing import Any

from django.contrib.admin.utils import label_for_field
from django.utils.html import escape
from django.utils.safestring import SafeString
from django.utils.text import capfirst

BOX = "action_checkbox"
# As Unfold writes it in the admin's one language.
BOX_LABEL = 'data-label="Select record"'
_FIRST_LETTER = re.compile(r'(?<=data-label=")[a-z]')


def mend() -> None:
    """Let Unfold call every column by its heading; called once, with the admin's classes."""
    from unfold.templatetags import unfold_list

    unfolds = unfold_list.items_for_result

    def items_for_result(cl: Any, result: Any, form: Any) -> Generator[SafeString, None, None]:
        cells = iter(unfolds(cl, result, form))
        name = cl.list_display[0]
        if name != BOX:
            label = capfirst(str(label_for_field(name, cl.model, model_admin=cl.model_admin)))
            first = next(cells)
            heading = f'data-label="{escape(label)}"'
            yield SafeString(first.replace(BOX_LABEL, heading, 1))
        for cell in cells:
            yield SafeString(_FIRST_LETTER.sub(lambda letter: letter[0].upper(), cell, count=1))

    unfold_list.items_for_result = items_for_result
