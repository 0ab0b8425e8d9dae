"""Composition root: command line, settings, scheduler, signals, health. The only room that knows all others."""
