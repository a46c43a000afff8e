"""Makes values that look like secrets, from a seed: nothing that is stored looks like one.

A template says of what: `{alnum:36}` are 36 letters and digits, `{pw}` is a password that somebody
made up. All other braces stay.
"""

from __future__ import annotations

import base64
import json
import random
import re
import string

ALPHABETS = {
    "alnum": string.ascii_letters + string.digits,
    "alpha": string.ascii_letters,
    "hex": "0123456789abcdef",
    "HEX": "0123456789ABCDEF",
    "b64": string.ascii_letters + string.digits + "+/",
    "b64u": string.ascii_letters + string.digits + "-_",
    "lower": string.ascii_lowercase,
    "upper": string.ascii_uppercase,
    "digits": string.digits,
    "lowernum": string.ascii_lowercase + string.digits,
    "uppernum": string.ascii_uppercase + string.digits,
    "base32": string.ascii_lowercase + "234567",
    "base32u": string.ascii_uppercase + "234567",
    "bech": "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L",
    "bechl": "qpzry9x8gf2tvdw0s3jn54khce6mua7l",
    "x": "x",
}
AZURITE = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
COSMOS_EMULATOR = (
    "C2y6yDjf5/R+ob0N8A7Cgv30VRDJIWEHLM+4QDU5DE2nQ9nDuVTqobD4b8mGGyPMbIZnqyMsEcaGQy67XIw/Jw=="
)
_WORDS = [
    "Amber",
    "Badger",
    "Cobalt",
    "Delta",
    "Ember",
    "Falcon",
    "Garnet",
    "Harbor",
    "Indigo",
    "Juniper",
    "Kestrel",
    "Lantern",
    "Maple",
    "Nimbus",
    "Orchid",
    "Pepper",
    "Quartz",
    "Raven",
    "Saffron",
    "Thistle",
    "Umbra",
    "Velvet",
    "Walnut",
    "Yonder",
    "Zephyr",
    "Copper",
    "Dragon",
    "Summer",
    "Winter",
    "Autumn",
    "Spring",
    "Monday",
    "Coffee",
    "Purple",
    "Rocket",
    "Wizard",
    "Bicycle",
    "Sunset",
    "Tiger",
]
_FIELD = re.compile(r"\{([A-Za-z0-9]+)(?::(\d+))?\}")


class Forge:
    """A source of made-up values; the same seed makes the same ones."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def text(self, alphabet: str, length: int) -> str:
        # A random text of some length has a digit; one that has none is drawn again.
        letters = ALPHABETS[alphabet]
        while True:
            made = "".join(self.random.choices(letters, k=length))
            if length < 16 or alphabet in ("alpha", "lower", "upper", "digits", "x"):
                return made
            kinds = (str.isdigit, str.islower if "a" in letters else str.isupper)
            if all(any(kind(c) for c in made) for kind in kinds) and made[-1].isalnum():
                return made

    def guid(self) -> str:
        return "-".join(self.text("hex", n) for n in (8, 4, 4, 4, 12))

    def b64(self, size: int) -> str:
        return base64.b64encode(self.random.randbytes(size)).decode()

    def password(self) -> str:
        """A password as people make them: words, digits, something that is neither."""
        r = self.random
        one, two = r.sample(_WORDS, 2)
        year, few = r.randint(1970, 2031), r.randint(2, 9999)
        mark = r.choice("!!@#$%^&*?-_.+=")
        leet = one.translate(str.maketrans("aeios", "@3105"))
        return r.choice(
            (
                f"{one}{year}{mark}", f"{one}{mark}{two}{few}", f"{leet}{few}{mark}",
                f"{one.lower()}-{two.lower()}-{few}{mark}", f"{mark}{one}{few}{two}",
                f"{one[:4]}{mark}{few}{two[:3].upper()}", f"{one}{two}{few}", f"{leet}{mark}{year}",
            )
        )  # fmt: skip

    def pw(self) -> str:
        """A password that needs no escape in any language, URL or connection string."""
        r = self.random
        one, two = r.sample(_WORDS, 2)
        return f"{one}{r.randint(10, 9999)}{r.choice('!._-')}{two}{r.randint(0, 99)}"

    def jwt(self) -> str:
        def part(value: object) -> str:
            data = json.dumps(value, separators=(",", ":")).encode()
            return base64.urlsafe_b64encode(data).decode().rstrip("=")

        head = {"alg": self.random.choice(["HS256", "RS256"]), "typ": "JWT"}
        body = {"sub": self.guid(), "iss": "https://login.contoso.invalid", "exp": 1_900_000_000}
        return f"{part(head)}.{part(body)}.{self.text('b64u', 43)}"

    def fill(self, template: str) -> str:
        """Return a template with its fields made up."""

        def made(match: re.Match[str]) -> str:
            name, count = match[1], match[2]
            if count is not None and name in ALPHABETS:
                return self.text(name, int(count))
            if count is None:
                simple = {
                    "guid": self.guid, "pw": self.pw, "password": self.password, "jwt": self.jwt,
                    "sp": lambda: " ", "sp0": lambda: "", "azurite": lambda: AZURITE,
                    "emulator": lambda: COSMOS_EMULATOR,
                    "basic": lambda: base64.b64encode(f"app:{self.pw()}".encode()).decode(),
                }  # fmt: skip
                if name in simple:
                    return simple[name]()
            return match[0]

        return _FIELD.sub(made, template)
