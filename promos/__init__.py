"""Promo campaigns and referrals."""
