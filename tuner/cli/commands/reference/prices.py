"""`tuner prices`: the prices that results are told in, and how to bring them up to date."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from tuner.api.price_cache import current_prices, keep_prices
from tuner.cli.flags import REACHING, Topic, aws_flags, format_flag, option, unheeded
from tuner.cli.flags import command as declare
from tuner.cli.output import say, say_json
from tuner.cli.values import Region, terminal_width
from tuner.errors import Fault, InputError
from tuner.model import Architecture
from tuner.pricing.price_list import DEFAULT_REGION, PriceList, Tier

if TYPE_CHECKING:
    from tuner.aws.api.connection import Connection


@declare(adds_faults=True, epilog="Example: tuner prices eu-south-1 --refresh")
@click.argument("region", default=DEFAULT_REGION, type=Region())
@option("--refresh", group=Topic.COMMON, is_flag=True, help="Read them from the AWS Price List API, and keep them.")
@aws_flags("--refresh", region=False)
@format_flag("text", "json")
def command(
    region: str, *, refresh: bool, format_: str, quiet: bool, connection: Connection, faults: list[Fault]
) -> None:
    """Show the prices of REGION (default us-east-1): duration, requests and storage."""
    if not refresh:
        faults += unheeded(REACHING, "is for --refresh", "add --refresh, or leave it out")
    if faults:
        raise InputError(faults)
    if refresh:
        from tuner.aws.api.price_list import fetch_prices
        from tuner.aws.api.session import connect

        clients = connect(replace(connection, region=region))
        document = fetch_prices(clients.pricing, region, datetime.now(UTC).date())
        path = keep_prices(region, document)
        if not quiet:
            say(f"Kept in {path}", err=True)
    prices = current_prices(region)
    if format_ == "json":
        say_json(_document(prices))
    else:
        from reports.words.lines import labelled

        say(labelled(_text(prices), terminal_width()))


def _text(prices: PriceList) -> str:
    lines = [f"{prices.region}, {prices.currency}, as of {prices.as_of} ({prices.source})"]
    for architecture in Architecture:
        tiers = ", then ".join(map(_tier, prices.tiers[architecture]))
        lines.append(f"  {architecture:8} GB-second    {tiers}")
    lines.append(f"  million requests       {prices.request_usd * 1e6:.4g}")
    lines.append(f"  storage GB-second      {prices.ephemeral_usd_per_gb_second:.10f} above 512 MB")
    if prices.unconfirmed:
        lines.append(f"  not confirmed          {', '.join(prices.unconfirmed)}")
    return "\n".join(lines)


def _tier(tier: Tier) -> str:
    bound = "" if tier.up_to_gb_seconds is None else f" up to {tier.up_to_gb_seconds:,.0f} a month"
    return f"{tier.usd_per_gb_second:.10f}{bound}"


def _document(prices: PriceList) -> dict[str, Any]:
    return {
        "region": prices.region,
        "currency": prices.currency,
        "as_of": prices.as_of,
        "source": prices.source,
        "gb_second": {
            architecture.value: [
                {"up_to_gb_seconds": tier.up_to_gb_seconds, "price": tier.usd_per_gb_second}
                for tier in prices.tiers[architecture]
            ]
            for architecture in Architecture
        },
        "request": prices.request_usd,
        "ephemeral_gb_second": prices.ephemeral_usd_per_gb_second,
        "unconfirmed": list(prices.unconfirmed),
    }
