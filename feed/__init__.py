"""The one door to Schwab: session, login, decode, reconnect, gap detection; and the simulated exchange."""
