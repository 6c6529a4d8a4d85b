"""Telegram Stars: products, purchases, refunds."""
