"""Accounts and tokens: who may act, and the proof of it that the other services check by themselves."""
