"""Runs the Autobahn cases against a WebSocket server or client and prints one line of JSON for each.

Usage: run.py [--quick] [--case NAME]… server URL
       run.py [--quick] [--case NAME]… client PROGRAM [ARGUMENT…]

The server echoes messages. The client program gets a URL as an additional argument, connects,
echoes until the connection ends, and ends. Every case is run on its own, through a proxy that
checks the peer's frames and cuts a case that takes too long.
"""

import argparse
import asyncio
import json
import os
from concurrent.futures import ProcessPoolExecutor, as_completed
from urllib.parse import urlsplit

import cases
import kosoku
from proxy import Proxy


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--case", action="append", default=[])
    parser.add_argument("role", choices=["client", "server"])
    parser.add_argument("testee", nargs=argparse.REMAINDER)
    args = parser.parse_args()
    run = {"client": client_case, "server": server_case}[args.role]
    # Many cases only wait; the rest keeps each core busy.
    with ProcessPoolExecutor(max_workers=2 * (os.cpu_count() or 1), initializer=cases.mend) as pool:
        names = args.case or cases.chosen(args.quick)
        running = [pool.submit(run_one, run, name, args.testee) for name in names]
        for verdict in as_completed(running):
            print(json.dumps(verdict.result()), flush=True)


def run_one(run, name, testee):
    """Runs one case in this process and returns what the report says about it."""
    result, breaches = asyncio.run(run(name, testee))
    return {
        "case": name,
        "behavior": result.behavior.value if result else "NO VERDICT",
        "close": result.behavior_close.value if result else "NO VERDICT",
        "duration_ms": result.duration if result else 0,
        "why": f"{result.result} {result.result_close}" if result else "cut off",
        "breaches": breaches,
    }


async def server_case(name, testee):
    """Our peer is a server: the suite connects to it through the proxy."""
    url = urlsplit(testee[0])
    async with Proxy((url.hostname, url.port), "server") as proxy:
        running = kosoku.run_fuzzingclient(f"ws://127.0.0.1:{proxy.port}", [name])
        result = await one_result(running, proxy, cases.patience_s(name))
    return result, proxy.breaches


async def client_case(name, testee):
    """Our peer is a client: it connects through the proxy to a suite that has just this case."""
    async with kosoku.run_fuzzingserver([name], host="127.0.0.1", port=0) as suite:
        async with Proxy(("127.0.0.1", suite.port), "client") as proxy:
            url = f"ws://127.0.0.1:{proxy.port}/runCase?case=1&agent=peer"
            silent = asyncio.subprocess.DEVNULL
            child = await asyncio.create_subprocess_exec(
                *testee, url, stdin=silent, stdout=silent, stderr=silent
            )
            try:
                await asyncio.wait_for(child.wait(), cases.patience_s(name))
            except TimeoutError:
                proxy.cut()
                child.kill()
                await child.wait()
            await end_of_run(suite.port)
            result = await one_result(suite.get_result(), proxy, 10)
    return result, proxy.breaches


async def one_result(running, proxy, patience_s):
    """The result of the one case; cuts its connection when patience ends."""
    asked = asyncio.ensure_future(collect(running))
    done, _ = await asyncio.wait([asked], timeout=patience_s)
    if not done:
        proxy.cut()
        done, _ = await asyncio.wait([asked], timeout=10)
    results = asked.result() if done else []
    return results[0] if results else None


async def collect(running):
    """The results, whether all passed or not."""
    try:
        return await running
    except kosoku.FailureError as failure:
        return failure.results


async def end_of_run(port):
    """Tells the suite that its client has had all cases."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        b"GET /updateReports?agent=peer HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
        b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    await asyncio.wait_for(reader.read(), 5)
    writer.close()


if __name__ == "__main__":
    main()
