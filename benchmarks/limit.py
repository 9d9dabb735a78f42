"""What the broker alone allows: publish with confirm, consume, acknowledge, and nothing else."""

import asyncio
import time
from typing import Any
from uuid import uuid4

import aiormq
from aiormq.abc import DeliveredMessage
from pamqp.commands import Basic

from accounting import cpu_seconds, listening
from platforms import ROOT

IN_FLIGHT = 200  # unconfirmed messages, as in the product
TOGETHER = 50  # messages that one ack answers for; the product's acks are coalesced too
MESSAGE = ROOT / "tests" / "contract" / "golden" / "job.requested.v1-2.json"


async def broker_loop(amqp: str, *, messages: int) -> dict[str, Any]:
    """Messages a second through one durable quorum queue, and the CPU of each."""
    body = MESSAGE.read_bytes()
    roots = {"broker": listening(amqp)}
    name = f"bench.{uuid4().hex[:8]}"
    sender, receiver = await aiormq.connect(amqp), await aiormq.connect(amqp)
    try:
        sending = await sender.channel(publisher_confirms=True)
        receiving = await receiver.channel()
        arguments = {"x-queue-type": "quorum"}
        await receiving.queue_declare(name, durable=True, arguments=arguments)
        await receiving.basic_qos(prefetch_count=2 * IN_FLIGHT)
        window, all_here, number = asyncio.Semaphore(IN_FLIGHT), asyncio.Event(), 0

        async def take(message: DeliveredMessage) -> None:
            nonlocal number
            number += 1
            if number % TOGETHER == 0 or number == messages:
                await receiving.basic_ack(message.delivery_tag or 0, multiple=True, wait=False)
            if number == messages:
                all_here.set()

        async def send() -> None:
            try:
                await sending.basic_publish(
                    body,
                    routing_key=name,
                    properties=Basic.Properties(delivery_mode=2),
                    mandatory=True,
                    wait=False,
                )
            finally:
                window.release()

        consuming = await receiving.basic_consume(name, take)
        before, own, begun = cpu_seconds(roots), time.process_time(), time.perf_counter()
        async with asyncio.timeout(120), asyncio.TaskGroup() as group:
            for _ in range(messages):
                await window.acquire()
                group.create_task(send())
            await all_here.wait()
        seconds, own = time.perf_counter() - begun, time.process_time() - own
        broker = cpu_seconds(roots)["broker"] - before["broker"]
        await receiving.basic_cancel(consuming.consumer_tag or "")
        await receiving.queue_delete(name)
    finally:
        await sender.close()
        await receiver.close()
    return {
        "bytes": len(body),
        "messages_per_second": messages / seconds,
        "own_ms_per_message": own / messages * 1000,
        "broker_ms_per_message": broker / messages * 1000,
    }
