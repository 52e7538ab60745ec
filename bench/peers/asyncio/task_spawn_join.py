# bench/peers/asyncio/task_spawn_join.py
# What does starting and joining an empty task cost, in groups of 1000?
# asyncio.TaskGroup.
#
# Usage: task_spawn_join.py [tasks]

import asyncio
import sys

from report import Usage, report_ns

GROUP_SIZE = 1000


async def nothing():
    pass


async def run_groups(groups):
    for _ in range(groups):
        async with asyncio.TaskGroup() as group:
            for _ in range(GROUP_SIZE):
                group.create_task(nothing())


def main():
    groups = -(-(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000) // GROUP_SIZE)
    usage = Usage()
    asyncio.run(run_groups(groups))
    report_ns("task_spawn_join", "asyncio", "ns_per_task", usage, groups * GROUP_SIZE)


main()
