"""Load for a gateway over a simulator, as users would make it.

    headrace simulate --port 9001 --latency-ms 50
    headrace up --config bench/load/headrace.yaml
    locust -f bench/load/locustfile.py --host http://127.0.0.1:8080 --headless -u 50 -r 10 -t 30s

locust measures users, not the gateway: its own client costs more than a request does.
"""

from __future__ import annotations

import json
import random
from importlib.resources import files

from locust import FastHttpUser, between, task

PROMPTS = [
    json.loads(line) for line in files("gateway").joinpath("demo_prompts.jsonl").read_bytes().splitlines()
]


class Caller(FastHttpUser):
    """Asks one of the packaged prompts, three times out of four without a stream."""

    wait_time = between(0.1, 0.5)

    @task(3)
    def plain(self) -> None:
        self._ask(stream=False)

    @task(1)
    def stream(self) -> None:
        self._ask(stream=True)

    def _ask(self, stream: bool) -> None:
        prompt = random.choice(PROMPTS)
        messages = prompt.get("messages") or [{"role": "user", "content": prompt["prompt"]}]
        body = {"model": "auto", "messages": messages, "stream": stream}
        name = "stream" if stream else "plain"
        with self.client.post("/v1/chat/completions", json=body, name=name, catch_response=True) as reply:
            if reply.status_code != 200:
                reply.failure(f"{reply.status_code}: {reply.text[:200]}")
            elif stream and not reply.text.endswith("data: [DONE]\n\n"):
                reply.failure("the stream did not end with [DONE]")
