"""What every benchmark program in Python needs: a meter and a report, as report.hpp is for C++."""

import json
import os
import resource
import time

# bench/run.py asks uvloop by the same sources.
if os.environ.get("TANDEM_BENCH_LOOP") == "uvloop":
    import uvloop

    uvloop.install()


def naps(number):
    """The seconds which the sleeper with this number sleeps in each round; Naps of report.hpp."""
    state = number + 1
    while True:
        state = state * 48_271 % 2_147_483_647
        yield (10_000 + state % 1_000 * 10) * 1e-6


class Usage:
    """CPU and wall time since it was made."""

    def __init__(self):
        self._before = self._now()

    @staticmethod
    def _now():
        used = resource.getrusage(resource.RUSAGE_SELF)
        return used.ru_utime, used.ru_stime, time.monotonic()

    def so_far(self):
        """(user, system, wall) seconds."""
        return tuple(now - before for now, before in zip(self._now(), self._before))

    def cpu_s(self):
        user, system, _ = self.so_far()
        return user + system


def memory_bytes(field):
    """"VmRSS" now or "VmHWM" at its highest; ru_maxrss would survive exec()."""
    with open("/proc/self/status", encoding="ascii") as status:
        for line in status:
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024
    return 0


def report(bench, who, figure, value, unit):
    value = float(f"{value:.6g}")
    who = os.environ.get("TANDEM_BENCH_LOOP", who)
    print(json.dumps({"bench": bench, "who": who, "figure": figure, "value": value, "unit": unit}))


def report_ns(bench, who, figure, usage, pieces):
    report_cpu(bench, who, figure, usage.cpu_s(), pieces)


def report_cpu(bench, who, figure, cpu_s, pieces):
    report(bench, who, figure, cpu_s * 1e9 / pieces, "ns")
