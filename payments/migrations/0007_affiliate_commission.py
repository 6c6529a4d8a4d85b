"""The commission of affiliates, and what the player has paid with it: made of what is there."""

from typing import Any

from django.db import migrations, models
from django.db.models.fields.json import KT
from django.db.models.functions import Abs, Cast, Coalesce


def big(expression: Any) -> Any:
    """Return an expression as a bigint."""
    return Cast(expression, models.BigIntegerField())


def in_nanostars(stars: Any, nanostars: Any) -> Any:
    """Return the expression for an amount of Stars and parts of them."""
    return big(stars) * big(models.Value(1_000_000_000)) + big(nanostars)


def commission() -> Any:
    """Return the expression for what an affiliate got, or gave back."""
    parts = [
        Coalesce(big(KT(f"partner__affiliate__{name}")), big(models.Value(0)))
        for name in ("amount", "nanostar_amount")
    ]
    amount = Abs(in_nanostars(*parts))
    is_outgoing = models.Q(stars__lt=0) | models.Q(nanostars__lt=0)
    return models.Case(models.When(is_outgoing, then=-amount), default=amount)


class Migration(migrations.Migration):
    dependencies = [
        ("payments", "0006_reversal_failed"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="startransaction", name="startransaction_comes_in_once"
        ),
        migrations.RemoveConstraint(
            model_name="startransaction", name="startransaction_goes_out_once"
        ),
        migrations.AddField(
            model_name="startransaction",
            name="commission_nanostars",
            field=models.GeneratedField(
                expression=commission(), output_field=models.BigIntegerField(), db_persist=True
            ),
        ),
        migrations.AddField(
            model_name="startransaction",
            name="gross_nanostars",
            field=models.GeneratedField(
                expression=in_nanostars(models.F("stars"), models.F("nanostars")) + commission(),
                output_field=models.BigIntegerField(),
                db_persist=True,
            ),
        ),
        migrations.AddConstraint(
            model_name="startransaction",
            constraint=models.UniqueConstraint(
                condition=models.Q(gross_nanostars__gte=0),
                fields=("transaction_id",),
                name="startransaction_comes_in_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="startransaction",
            constraint=models.UniqueConstraint(
                condition=models.Q(gross_nanostars__lt=0),
                fields=("transaction_id",),
                name="startransaction_goes_out_once",
            ),
        ),
    ]
