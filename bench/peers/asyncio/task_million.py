# bench/peers/asyncio/task_million.py
# What do a million live tasks cost, each of which yields once and is joined?
# asyncio.TaskGroup and sleep(0).
#
# Usage: task_million.py [tasks]

import asyncio
import sys

from report import Usage, memory_bytes, report, report_ns


async def yield_once():
    await asyncio.sleep(0)


async def run_all(tasks):
    async with asyncio.TaskGroup() as group:
        for _ in range(tasks):
            group.create_task(yield_once())


def main():
    tasks = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    idle_bytes = memory_bytes("VmRSS")
    usage = Usage()
    asyncio.run(run_all(tasks))
    report_ns("task_million", "asyncio", "ns_per_task", usage, tasks)
    report("task_million", "asyncio", "bytes_per_task", (memory_bytes("VmHWM") - idle_bytes) / tasks, "B")


main()
