"""Watching a model that is in use: saved forecasts against what came, judged by the model's own back-test."""
