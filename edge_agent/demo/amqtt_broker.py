"""A broker in pure Python for machines without mosquitto: `python -m ...amqtt_broker PORT`.

A process of its own: amqtt brings its own loop, log and warnings. It speaks MQTT 3.1.1 only.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import sys

from amqtt.broker import Broker

_PLUGINS: dict[str, dict[str, object]] = {
    "amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}
}


async def _serve(port: int) -> None:
    """Until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    listeners = {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}}
    broker = Broker({"listeners": listeners, "plugins": _PLUGINS})
    await broker.start()
    await stop.wait()
    with contextlib.suppress(asyncio.CancelledError):
        await broker.shutdown()


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    asyncio.run(_serve(int(sys.argv[1])))
