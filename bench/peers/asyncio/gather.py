# bench/peers/asyncio/gather.py
# What does a child of a gather() of 10,000 cost, whose value comes back in its place?
# asyncio.gather.
#
# Usage: gather.py [children]

import asyncio
import sys

from report import Usage, report_ns

GATHER_SIZE = 10_000


async def own_number(number):
    return number


async def gather_many(gathers):
    for _ in range(gathers):
        values = await asyncio.gather(*[own_number(child) for child in range(GATHER_SIZE)])
        assert values[-1] == GATHER_SIZE - 1


def main():
    gathers = -(-(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000) // GATHER_SIZE)
    usage = Usage()
    asyncio.run(gather_many(gathers))
    report_ns("gather", "asyncio", "ns_per_child", usage, gathers * GATHER_SIZE)


main()
