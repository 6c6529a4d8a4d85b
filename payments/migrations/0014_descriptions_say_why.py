"""The shop says of each product why one wants it: the first texts of three did not."""

import json

from django.db import migrations

# Code, before and after. Texts that operators have written themselves stay.
TEXTS = (
    (
        "ENERGY_10",
        {
            "de": {
                "title": "10 Energiepunkte",
                "description": "10 Energiepunkte, die nicht verfallen.",
            },
            "en": {
                "title": "10 energy points",
                "description": "10 energy points that never expire.",
            },
            "uk": {
                "title": "10 одиниць енергії",
                "description": "10 одиниць енергії, що не згорають.",
            },
        },
        {
            "de": {
                "title": "10 Energiepunkte",
                "description": "10 Punkte, die nicht verfallen – für Tage, an denen du mehr "
                "spielen willst.",
            },
            "en": {
                "title": "10 energy points",
                "description": "10 points that never expire, for days on which you want to "
                "play more.",
            },
            "uk": {
                "title": "10 одиниць енергії",
                "description": "10 одиниць, що не згорають, – для днів, коли хочеться грати "
                "більше.",
            },
        },
    ),
    (
        "MEGA_PACK_15",
        {
            "de": {
                "title": "Mega-Paket",
                "description": "15 Energiepunkte und 24 Stunden Fälle (den/dem), trennbare "
                "Verben und Wortstellung.",
            },
            "en": {
                "title": "Mega Pack",
                "description": "15 energy points, and 24 hours of cases, separable verbs and "
                "word order.",
            },
            "uk": {
                "title": "Мегапакет",
                "description": "15 одиниць енергії та 24 години відмінків, відокремлюваних "
                "дієслів і порядку слів.",
            },
        },
        {
            "de": {
                "title": "Mega-Paket",
                "description": "15 Energiepunkte und 24 Stunden Fälle (den/dem), trennbare "
                "Verben und Wortstellung – um zu üben, was schwerfällt.",
            },
            "en": {
                "title": "Mega Pack",
                "description": "15 energy points, and 24 hours of cases, separable verbs and "
                "word order: to practise what is hard.",
            },
            "uk": {
                "title": "Мегапакет",
                "description": "15 одиниць енергії та 24 години відмінків, відокремлюваних "
                "дієслів і порядку слів – щоб тренувати складне.",
            },
        },
    ),
    (
        "PREMIUM_STARTER",
        {
            "de": {
                "title": "Premium Starter",
                "description": "7 Tage unbegrenzte Energie und alle Modi.",
            },
            "en": {
                "title": "Premium Starter",
                "description": "7 days of unlimited energy and all modes.",
            },
            "uk": {
                "title": "Преміум Стартовий",
                "description": "7 днів необмеженої енергії та всі режими.",
            },
        },
        {
            "de": {
                "title": "Premium Starter",
                "description": "7 Tage unbegrenzte Energie und alle Modi – um alles "
                "auszuprobieren.",
            },
            "en": {
                "title": "Premium Starter",
                "description": "7 days of unlimited energy and all modes: to try everything.",
            },
            "uk": {
                "title": "Преміум Стартовий",
                "description": "7 днів необмеженої енергії та всі режими – щоб спробувати все.",
            },
        },
    ),
)
UPDATE = "UPDATE payments_product SET texts = %s WHERE code = %s AND texts = %s"


class Migration(migrations.Migration):
    dependencies = [
        ("payments", "0013_duel_tickets_for_sale"),
    ]

    operations = [
        migrations.RunSQL(
            [(UPDATE, [json.dumps(after), code, json.dumps(before)])],
            reverse_sql=[(UPDATE, [json.dumps(before), code, json.dumps(after)])],
        )
        for code, before, after in TEXTS
    ]
