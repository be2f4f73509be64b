"""Listeners, workers, start and stop: what runs around the application."""
