"""A simulated exchange: a peer that speaks Schwab's streamer protocol and REST answers on 127.0.0.1.

It has its own market (random, a tape, or a recording) and does on request whatever Schwab does on a bad day. It shares
no code with the client side; see docs/EXCHANGE.md.
"""

from feed.exchange.market import RandomMarket
from feed.exchange.recording import Recording
from feed.exchange.server import Exchange
from feed.exchange.tape import Tape

__all__ = ["Exchange", "RandomMarket", "Recording", "Tape"]
