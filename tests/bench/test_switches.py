"""Ports of benchmarks that run beside one another."""

import subprocess
import sys
from contextlib import ExitStack

import pytest

from bench.switches import KEPT_PORTS, ROOT

pytestmark = pytest.mark.processes
BENCH = "from bench.switches import kept_port; print(kept_port(), kept_port(), flush=True); input()"


def test_no_two_benches_are_given_one_port() -> None:
    with ExitStack() as stack:
        benches = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", BENCH],
                    cwd=ROOT,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            for _ in range(2)
        ]
        ports: list[int] = []
        for bench in benches:
            assert bench.stdout is not None
            ports += map(int, bench.stdout.readline().split())
    assert len(set(ports)) == 4, ports
    assert set(ports) <= set(KEPT_PORTS)
