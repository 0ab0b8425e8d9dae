"""Checks everything before the first start, and says per line what is wrong and how to mend it."""
