"""What AccessMiddleware adds to one request with a warm cache, in process."""

import asyncio
import statistics
import tempfile

from benchmarks.bench_capture import REQUESTS, ROUNDS, SCOPE
from benchmarks.servers import bare
from dashcam.access import AccessMiddleware


async def one_round(app: object, headers: list[tuple[bytes, bytes]]) -> float:
    import time

    message = {"type": "http.request", "body": b"{}", "more_body": False}

    async def receive() -> dict[str, object]:
        return message

    async def send(message: dict[str, object]) -> None:
        assert message.get("status", 200) == 200

    began = time.process_time()
    for _ in range(REQUESTS):
        await app(dict(SCOPE, state={}, headers=headers), receive, send)  # type: ignore[operator]
    return (time.process_time() - began) / REQUESTS * 1e6


def main(bare_request_us: float | None = None) -> None:
    """Print the cost of a key alone, and of a key with a quota of two windows."""
    print("access, in process, warm cache")
    for name, quota in (("API key", None), ("API key and quota", "100000000/day;10000000/hour")):
        with tempfile.TemporaryDirectory() as directory:
            settings = {"store": f"sqlite:///{directory}/r.db", "quota": quota}
            app = AccessMiddleware(bare, **settings)
            key = app.authenticator.api_keys.create("example").key
            others = [pair for pair in SCOPE["headers"] if pair[0] != b"authorization"]  # type: ignore[attr-defined]
            headers = [*others, (b"authorization", f"Bearer {key}".encode())]

            async def rounds() -> float:
                await one_round(app, headers)  # noqa: B023
                added = []
                for _ in range(ROUNDS):
                    alone = await one_round(bare, headers)  # noqa: B023
                    added.append(await one_round(app, headers) - alone)  # noqa: B023
                return statistics.median(added)

            added = asyncio.run(rounds())
        share = f", {added / bare_request_us:.3f} of a bare request" if bare_request_us else ""
        print(f"  {name}: {added:.1f} µs CPU per request{share}")


if __name__ == "__main__":
    main()
