"""What every screen and every message needs: taps, buttons, dates, and the words they share."""
