"""The way from a station to the daemon: one ordered RQ queue for each partition, in Redis.

A station enqueues whole uploads (``intake``); the daemon that owns a partition takes its parts from the front and
removes them when they are recorded (``work``); everybody can ask what became of a batch (``batches``).
"""
