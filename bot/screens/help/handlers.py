"""How the game works, its terms, and what it stores."""

from telegram import Update

from bot.chat import navigation, taps
from bot.chat.context import Context
from bot.chat.screen import Screen
from bot.screens.help import texts


async def help_command(update: Update, context: Context) -> None:
    """Explain the game."""
    await taps.send_message(update, texts.help_text(now=context.now), navigation.home())


async def terms(update: Update, context: Context) -> None:
    """Show the terms (Telegram asks every bot that sells for /terms)."""
    await taps.send_message(update, texts.terms(), navigation.home())


async def privacy(update: Update, context: Context) -> None:
    """Show what is stored, what for, and how to have it deleted."""
    await taps.send_message(update, texts.privacy(), navigation.home())


SCREEN = Screen(
    commands={"help": help_command, "terms": terms, "privacy": privacy},
)
