"""The menu: all that the brain knows. Each choice has its name and other ways in which people say or spell it."""

from __future__ import annotations

__all__ = ["AMOUNTS", "MENU", "NOTHING", "Slot"]

Slot = str
"""Which part of an order: drink, size, roast, shots, milk or sugar."""

MENU: dict[Slot, dict[str, tuple[str, ...]]] = {
    "drink": {
        "coffee": (),
        "drip coffee": ("filter coffee",),
        "house coffee": (),
        "iced coffee": ("ice coffee",),
        "espresso": ("expresso",),
        "americano": (),
        "iced americano": ("ice americano",),
        "latte": ("lahtay", "late"),
        "iced latte": ("ice latte",),
        "cappuccino": (),
        "mocha": ("moka",),
        "iced mocha": ("ice mocha", "iced moka", "ice moka"),
        "flat white": (),
        "macchiato": ("makiato",),
        "cortado": (),
        "hot chocolate": (),
    },
    "size": {
        "small": (),
        "medium": (),
        "large": ("big",),
        "eight ounce": (),
        "twelve ounce": (),
        "sixteen ounce": (),
        "twenty ounce": (),
    },
    "roast": {
        "light roast": ("lightly roasted",),
        "medium roast": (),
        "dark roast": (),
    },
    "shots": {
        "single shot": ("one shot", "a shot of", "single"),
        "double shot": ("two shots", "double"),
        "triple shot": ("three shots", "triple"),
        "quadruple shot": ("four shots", "quadruple"),
    },
    "milk": {
        "milk": (),
        "whole milk": ("full milk",),
        "skim milk": ("skimmed milk",),
        "soy milk": ("soya milk", "soy"),
        "almond milk": ("almond",),
        "oat milk": ("oat",),
        "coconut milk": ("coconut",),
        "cream": (),
    },
    "sugar": {
        "sugar": ("sugars",),
        "brown sugar": (),
        "sweetener": ("sweeteners",),
        "honey": (),
        "vanilla syrup": ("vanilla",),
        "caramel syrup": ("caramel",),
    },
}
"""Slot -> choice -> other ways to say it."""

NOTHING = "no"
"""The amount of milk or sugar of somebody who wants none."""

AMOUNTS: dict[str, tuple[str, ...]] = {
    "a little bit of": ("a little",),
    "a bit of": (),
    "a splash of": (),
    "a dash of": (),
    "a touch of": (),
    "a lot of": (),
    "lots of": (),
    "plenty of": (),
    "some": (),
    "extra": (),
    "less": (),
    NOTHING: ("without", "without any", "not any", "hold the", "skip the", "no more"),
}
"""How much milk or sugar, and other ways to say it; said right before the word for it."""
