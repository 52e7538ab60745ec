# bench/peers/asyncio/bridge_call.py
# What does plain code wait for the result of a trivial coroutine that runs on another thread's loop?
# asyncio.run_coroutine_threadsafe.
#
# Usage: bridge_call.py [calls]

import asyncio
import os
import sys
import threading
import time

from report import Usage, report, report_ns


async def next_value(value):
    return value + 1


def measure(cores, calls):
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    value = 0
    for _ in range(calls // 10):
        value = asyncio.run_coroutine_threadsafe(next_value(value), loop).result()
    took = []
    usage = Usage()
    for _ in range(calls):
        start = time.perf_counter_ns()
        value = asyncio.run_coroutine_threadsafe(next_value(value), loop).result()
        took.append(time.perf_counter_ns() - start)
    report_ns("bridge_call", "asyncio", f"cpu_{cores}", usage, calls)
    took.sort()
    report("bridge_call", "asyncio", f"p50_{cores}", took[calls // 2], "ns")
    report("bridge_call", "asyncio", f"p99_{cores}", took[calls * 99 // 100], "ns")
    loop.call_soon_threadsafe(loop.stop)
    thread.join()


def main():
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 30_000
    cpus = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cpus)})
    measure("one_core", calls)
    os.sched_setaffinity(0, cpus)
    measure("two_cores", calls)


main()
