# bench/peers/aiohttp/http_fanout.py
# What does fetching 1 KiB over many keep-alive connections cost with aiohttp?
# One task per connection, one session, asyncio's own event loop.
#
# Usage: http_fanout.py URL [requests] [connections]

import asyncio
import sys

import aiohttp
from report import Usage, memory_bytes, report


async def fan_out(url, requests, connections):
    unsent, errors, body_bytes = requests, 0, 0

    async def fetch_in_turn(session):
        nonlocal unsent, errors, body_bytes
        while unsent > 0:
            unsent -= 1
            try:
                async with session.get(url) as response:
                    body_bytes += len(await response.read())
                    errors += response.status != 200
            except aiohttp.ClientError:
                errors += 1

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=connections)) as session:
        async with asyncio.TaskGroup() as group:
            for _ in range(connections):
                group.create_task(fetch_in_turn(session))
    return errors, body_bytes


def main():
    url = sys.argv[1]
    requests = int(sys.argv[2]) if len(sys.argv) > 2 else 20_000
    connections = int(sys.argv[3]) if len(sys.argv) > 3 else 64

    usage = Usage()
    errors, body_bytes = asyncio.run(fan_out(url, requests, connections))
    user, system, wall = usage.so_far()

    def put(figure, value, unit):
        report("http_fanout", "aiohttp", f"{figure}_{connections}", value, unit)

    put("cpu_s_per_100k", (user + system) * 1e5 / requests, "s")
    put("user_us_per_request", user * 1e6 / requests, "us")
    put("wall_s_per_100k", wall * 1e5 / requests, "s")
    put("peak_rss_mib", memory_bytes("VmHWM") / 2**20, "MiB")
    put("errors", errors, "requests")
    put("body_bytes_per_request", body_bytes / requests, "B")


main()
