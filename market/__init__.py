"""When the market trades: NYSE sessions in Eastern time, half days and holidays known. The one door to `holidays`."""
