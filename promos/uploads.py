"""Codes of one's own between preview and confirmation: encrypted, for a quarter of an hour.

They wait in the cache. Nobody who reads that can read them: the key follows from SECRET_KEY, which
is not there. A new SECRET_KEY makes what waits unreadable; then the file is chosen again.
"""

import base64
import json
from datetime import timedelta
from uuid import UUID, uuid4

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.core.cache import cache

from promos.code_files import CodeFile

KEPT_FOR = timedelta(minutes=15)


def keep(*, owner_id: int, found: CodeFile) -> UUID:
    """Keep what was read from an upload; return the id under which its owner finds it again."""
    upload = uuid4()
    content = json.dumps(
        {"lines": found.lines, "heading": found.heading, "problems": list(found.problems.items())}
    )
    seconds = KEPT_FOR.total_seconds()
    cache.set(_cache_key(owner_id, upload), _fernet().encrypt(content.encode()), seconds)
    return upload


def kept(*, owner_id: int, upload: UUID) -> CodeFile | None:
    """Return the upload of this owner, or None if it is gone, or another's."""
    token = cache.get(_cache_key(owner_id, upload))
    if token is None:
        return None
    try:
        content = json.loads(_fernet().decrypt(token))
    except InvalidToken:
        return None
    return CodeFile(
        lines=content["lines"], heading=content["heading"], problems=dict(content["problems"])
    )


def drop(*, owner_id: int, upload: UUID) -> None:
    """Delete an upload, if it is still there."""
    cache.delete(_cache_key(owner_id, upload))


def _cache_key(owner_id: int, upload: UUID) -> str:
    return f"promo-import:{owner_id}:{upload}"


def _fernet() -> Fernet:
    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"promos/uploads")
    return Fernet(base64.urlsafe_b64encode(key.derive(settings.SECRET_KEY.encode())))
