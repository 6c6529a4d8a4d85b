"""The running system: health and heartbeats."""
