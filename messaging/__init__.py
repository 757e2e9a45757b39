"""MQTT for the three programs: one adapter, one simulated twin, one set of settings."""
