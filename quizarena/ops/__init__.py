"""The running system: health, heartbeats and downtime."""
