# bench/peers/asyncio/timer.py
# What does it cost, with a million timers waiting, to cancel the oldest and to start a new one?
# Deadlines are random, between one and two hours from now; nothing expires.
# loop.call_at and cancel; the loop turns every thousand pairs, where it clears away what was cancelled.
#
# Usage: timer.py [waiting] [pairs]

import asyncio
import random
import sys

from report import Usage, report_ns

PAIRS_PER_TURN = 1000


def nothing():
    pass


async def restart_in_turn(waiting, pairs):
    loop = asyncio.get_running_loop()
    start = loop.time()
    chance = random.Random(1)
    timers = [loop.call_at(start + 3600 + 3600 * chance.random(), nothing) for _ in range(waiting)]
    await asyncio.sleep(0)

    usage = Usage()
    for i in range(pairs):
        oldest = i % waiting
        timers[oldest].cancel()
        timers[oldest] = loop.call_at(start + 3600 + 3600 * chance.random(), nothing)
        if i % PAIRS_PER_TURN == 0:
            await asyncio.sleep(0)
    report_ns("timer", "asyncio", "ns_per_timer", usage, pairs)


def main():
    waiting = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    pairs = int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000
    asyncio.run(restart_in_turn(waiting, pairs))


main()
