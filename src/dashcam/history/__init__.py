"""Asking: filters and pages in the words of people and of HTTP, whoever asks."""
