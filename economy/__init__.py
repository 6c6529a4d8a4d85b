"""What players own: energy, ledger, wallet, entitlements, streaks."""
