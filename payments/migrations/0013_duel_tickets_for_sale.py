"""Duels use tickets, so these are for sale again, and say what they are for."""

import json

from django.db import migrations

# Texts that operators have written themselves stay.
BEFORE = {
    "de": {"title": "Duell-Ticket", "description": "Ein Duell mit einem Freund."},
    "en": {"title": "Duel ticket", "description": "One duel with a friend."},
    "uk": {"title": "Квиток на дуель", "description": "Одна дуель із другом."},
}
AFTER = {
    "de": {
        "title": "Duell-Ticket",
        "description": "Ein Duell mehr, wenn die zwei kostenlosen des Tages gespielt sind. "
        "Nimmt niemand an, bekommst du das Ticket zurück.",
    },
    "en": {
        "title": "Duel ticket",
        "description": "One more duel when the two free ones of the day are played. If "
        "nobody accepts it, the ticket comes back.",
    },
    "uk": {
        "title": "Квиток на дуель",
        "description": "Ще одна дуель, коли дві безкоштовні за день уже використано. Якщо "
        "її ніхто не прийме, квиток повернеться.",
    },
}
TEXTS = "UPDATE payments_product SET texts = %s WHERE code = 'FRIEND_CHALLENGE_5' AND texts = %s"


class Migration(migrations.Migration):
    dependencies = [
        ("payments", "0012_standard_names"),
    ]

    operations = [
        migrations.RemoveConstraint(model_name="product", name="product_for_sale_can_be_used"),
        migrations.RunSQL(
            "UPDATE payments_product SET is_for_sale = true WHERE code = 'FRIEND_CHALLENGE_5'",
            # The constraint that comes back refuses it.
            reverse_sql="UPDATE payments_product SET is_for_sale = false WHERE duel_tickets > 0",
        ),
        migrations.RunSQL(
            [(TEXTS, [json.dumps(AFTER), json.dumps(BEFORE)])],
            reverse_sql=[(TEXTS, [json.dumps(BEFORE), json.dumps(AFTER)])],
        ),
    ]
