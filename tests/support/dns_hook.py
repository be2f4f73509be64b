#!/usr/bin/env python3
"""Adds and removes TXT records in the world of `tests/support/acme_world.py`, as the hook of an ACME client.

The environment variable ACME_WORLD says where the world is. Hooks that have nothing to do with DNS succeed.
"""

import json
import os
import sys
import urllib.request

LABEL = "_acme-challenge"


def send(path: str, name: str, value: str) -> None:
    """Ask the world for one change."""
    body = json.dumps({"host": name, "value": value}).encode()
    request = urllib.request.Request(os.environ["ACME_WORLD"] + path, body)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=10) as answer:
        answer.read()


def below(domain: str) -> str:
    """Return where the challenge of a domain, wildcard or not, has its record."""
    return f"{LABEL}.{domain.removeprefix('*.')}"


def main(arguments: list[str]) -> int:
    """Do what a client asks its hook for, and return the exit status."""
    match arguments:
        case ["add" | "present", name, value, *_]:
            send("/set-txt", name, value)
        case ["del" | "cleanup", name, value, *_]:
            send("/clear-txt", name, value)
        case ["deploy_challenge" | "clean_challenge" as verb, *rest]:
            path = "/set-txt" if verb == "deploy_challenge" else "/clear-txt"
            for start in range(0, len(rest) - 2, 3):
                send(path, below(rest[start]), rest[start + 2])
        case ["certbot-auth" | "certbot-cleanup" as verb]:
            path = "/set-txt" if verb == "certbot-auth" else "/clear-txt"
            send(path, below(os.environ["CERTBOT_DOMAIN"]), os.environ["CERTBOT_VALIDATION"])
        case ["begin" | "done" | "failed" as verb, method, name, _, value]:
            if method != "dns-01":
                return 1  # uacme then offers the next challenge
            send("/set-txt" if verb == "begin" else "/clear-txt", below(name), value)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
