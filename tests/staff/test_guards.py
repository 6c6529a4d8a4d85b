"""The guards of append-only tables hold against a session that wants them off."""

import pytest
from django.db import DatabaseError, connection, transaction

from quizarena.staff import audit
from quizarena.staff.models import AuditEntry


@pytest.mark.django_db
@pytest.mark.usefixtures("owner")
def test_no_setting_of_a_session_switches_a_trigger_off() -> None:
    audit.record(actor=None, action="test", summary="Something was done.")

    with connection.cursor() as cursor:
        cursor.execute("SELECT tgname FROM pg_trigger WHERE tgname LIKE '%append_only%'")
        names = ",".join(name for (name,) in cursor.fetchall())
        cursor.execute("SELECT set_config('pgtrigger.ignore', %s, true)", [f"{{{names}}}"])

    with pytest.raises(DatabaseError, match="Cannot update or delete"), transaction.atomic():
        AuditEntry.objects.update(summary="Nothing was done.")

    assert AuditEntry.objects.get().summary == "Something was done."
