"""Blind signatures: how many a core makes a second, and what the other steps of a secret ballot cost."""

import time
from collections.abc import Callable
from functools import partial

from benchmarks.bench import Bench
from benchmarks.report import Target
from shared.blind_signatures import PrivateKey, ballot_message, blind, finalize, new_prefix, prepare

SCENARIO = "signatures"
SIGNED = Target("blind signatures, one core", 20.0, "/s", at_least=True)


def measure(bench: Bench) -> None:
    """Sign with a key of each usual length, in this process alone, with every check that the service makes."""
    seconds = bench.size.request_seconds
    bench.report.begin(f"Blind signatures on one core, {seconds:g} s a step")
    facts: dict[str, dict[str, float]] = {}
    for bits in (2048, 3072):
        key, _ = PrivateKey.generate(bits)
        prepared = prepare(ballot_message(1, bytes(16)), new_prefix())
        blinded = blind(key.public, prepared)
        signed = key.blind_sign(blinded.message)
        signature = finalize(key.public, blinded, signed)
        if not key.public.verify(prepared, signature):
            bench.report.check(SCENARIO, [f"a signature of {bits} bits is not good"])
        steps: dict[str, Callable[[], object]] = {
            "blinded by the voter /s": partial(blind, key.public, prepared),
            "signed /s": partial(key.blind_sign, blinded.message),
            "verified by a station /s": partial(key.public.verify, prepared, signature),
        }
        facts[f"{bits} bits"] = {name: _often(step, seconds) for name, step in steps.items()}
    bench.report.add(SCENARIO, facts)
    bench.report.hold(SIGNED, facts["2048 bits"]["signed /s"])


def _often(step: Callable[[], object], seconds: float) -> float:
    """How often a second of processor time has room for ``step``."""
    began, done = time.process_time(), 0
    while (spent := time.process_time() - began) < seconds:
        step()
        done += 1
    return done / spent
