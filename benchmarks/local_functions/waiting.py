"""Asks a service in the network three times and sums its answers up. URL names the service."""

import json
import os
import urllib.request


def handler(event: dict[str, int], context: object) -> object:
    answers = []
    for _ in range(3):
        with urllib.request.urlopen(os.environ["URL"]) as answer:
            answers.append(json.load(answer)["value"])
    return sum(answers)
