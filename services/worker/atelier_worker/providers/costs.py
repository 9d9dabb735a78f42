"""What a call costs by the dated prices of the catalogue."""

from decimal import Decimal

from atelier_core.contracts.catalogue import Model
from atelier_core.domain.values import CostStatus, Money

MILLION = Decimal(1_000_000)


def listed(model: Model, pictures: int, *, size: tuple[int, int] | None = None) -> Money:
    """The list price of so many pictures, of `size` if that decides; unknown if the catalogue does
    not know.
    """
    return Money.total([model.price_at(*size) if size else model.price] * pictures)


def metered(model: Model, *, text_in: int, image_out: int, text_out: int = 0) -> Money | None:
    """The price of so many tokens; None if the catalogue has no token prices for the model.

    An estimate even so: the count is the vendor's, but discounts and new prices are not known.
    """
    if model.tokens is None:
        return None
    amount = (
        Decimal(model.tokens.text_in) * text_in
        + Decimal(model.tokens.image_out) * image_out
        + Decimal(model.tokens.text_out) * text_out
    ) / MILLION
    return estimated(amount)


def estimated(amount: Decimal) -> Money:
    """So many US dollars, about."""
    return Money(
        amount=format(amount.normalize() if amount else amount, "f"), status=CostStatus.ESTIMATED
    )
