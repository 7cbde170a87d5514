"""The stock part that we are measured against: aiosmtpd's own `handlers.Proxy`, as its manual shows it.

Usage: python -m benchmarks.stock_proxy LISTEN_PORT RELAY_PORT
"""

import asyncio
import socket
import sys

from aiosmtpd.handlers import Proxy
from aiosmtpd.smtp import SMTP


async def main(listen: int, relay: int) -> None:
    handler = Proxy("127.0.0.1", relay)
    # With its protocol number, or asyncio leaves Nagle on and each reply costs 40 ms of waiting.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", listen))
    await asyncio.get_running_loop().create_server(
        lambda: SMTP(handler, hostname="stock", data_size_limit=1 << 30), sock=listening, backlog=1024
    )
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
