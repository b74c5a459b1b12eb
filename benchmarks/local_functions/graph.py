"""Ranks the nodes of a random graph by power iteration, in plain Python."""

import random


def handler(event: dict[str, int], context: object) -> object:
    rng, nodes = random.Random(7), event.get("nodes", 3_000)
    links = [[rng.randrange(nodes) for _ in range(8)] for _ in range(nodes)]
    rank = [1.0 / nodes] * nodes
    for _ in range(6):
        following = [0.15 / nodes] * nodes
        for node, targets in enumerate(links):
            part = 0.85 * rank[node] / len(targets)
            for target in targets:
                following[target] += part
        rank = following
    return max(range(nodes), key=rank.__getitem__)
