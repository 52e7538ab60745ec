# bench/peers/asyncio/task_call.py
# What does awaiting a call cost which completes without ever suspending?
# A coroutine of Python awaited by another.
#
# Usage: task_call.py [calls]

import asyncio
import sys

from report import Usage, report_ns


async def next_value(value):
    return value + 1


async def call_many(calls):
    value = 0
    for _ in range(calls):
        value = await next_value(value)
    assert value == calls


def main():
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    usage = Usage()
    asyncio.run(call_many(calls))
    report_ns("task_call", "asyncio", "ns_per_call", usage, calls)


main()
