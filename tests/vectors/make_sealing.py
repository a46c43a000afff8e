"""Makes sealing.json: every sealed form of devvault, from `devvault help format` alone.

It uses nothing of devvault and no cryptography package: AES-GCM, X25519 and Argon2id are written
out below from their standards (FIPS 197, SP 800-38D, RFC 7748, RFC 9106) and checked against the
standards' own examples before anything is made. Slow, and not constant-time: for vectors only.

    python tests/vectors/make_sealing.py > tests/vectors/sealing.json
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import struct

# -- AES-256-GCM (FIPS 197, SP 800-38D) -------------------------------------------------------


def times2(x):
    return (x << 1) ^ (0x11B if x & 0x80 else 0)


def make_sbox():
    box, p, q = [0] * 256, 1, 1
    while True:
        p = p ^ times2(p)  # times 3, a generator
        q ^= q << 1
        q ^= q << 2
        q ^= q << 4
        q &= 0xFF
        if q & 0x80:
            q ^= 0x09
        rotations = [((q << n) | (q >> (8 - n))) & 0xFF for n in range(5)]
        box[p] = rotations[0] ^ rotations[1] ^ rotations[2] ^ rotations[3] ^ rotations[4] ^ 0x63
        if p == 1:
            break
    box[0] = 0x63
    return box


SBOX = make_sbox()
DOUBLED = [times2(x) for x in range(256)]


def expand(key):
    words = [list(key[at : at + 4]) for at in range(0, 32, 4)]
    round_constant = 1
    for at in range(8, 60):
        word = list(words[at - 1])
        if at % 8 == 0:
            word = [SBOX[x] for x in word[1:] + word[:1]]
            word[0] ^= round_constant
            round_constant = times2(round_constant)
        elif at % 8 == 4:
            word = [SBOX[x] for x in word]
        words.append([a ^ b for a, b in zip(words[at - 8], word, strict=True)])
    return [[x for word in words[at : at + 4] for x in word] for at in range(0, 60, 4)]


SHIFTED = [(at + 4 * (at % 4)) % 16 for at in range(16)]


def aes(rounds, block):
    state = [a ^ b for a, b in zip(block, rounds[0], strict=True)]
    for number in range(1, 15):
        state = [SBOX[state[at]] for at in SHIFTED]
        if number < 14:
            mixed = []
            for at in range(0, 16, 4):
                a, b, c, d = state[at : at + 4]
                whole = a ^ b ^ c ^ d
                mixed += [
                    a ^ whole ^ DOUBLED[a ^ b],
                    b ^ whole ^ DOUBLED[b ^ c],
                    c ^ whole ^ DOUBLED[c ^ d],
                    d ^ whole ^ DOUBLED[d ^ a],
                ]
            state = mixed
        state = [a ^ b for a, b in zip(state, rounds[number], strict=True)]
    return bytes(state)


def ghash(h, data):
    found = 0
    for at in range(0, len(data), 16):
        x = found ^ int.from_bytes(data[at : at + 16], "big")
        z, v = 0, h
        for bit in range(127, -1, -1):
            if x >> bit & 1:
                z ^= v
            v = (v >> 1) ^ (0xE1 << 120 if v & 1 else 0)
        found = z
    return found.to_bytes(16, "big")


def padded(data):
    return data + bytes(-len(data) % 16)


def gcm(key, nonce, plaintext, aad):
    rounds = expand(key)
    h = int.from_bytes(aes(rounds, bytes(16)), "big")
    text = b""
    for number, at in enumerate(range(0, len(plaintext), 16), 2):
        mask = aes(rounds, nonce + number.to_bytes(4, "big"))
        block = plaintext[at : at + 16]
        text += bytes(a ^ b for a, b in zip(block, mask[: len(block)], strict=True))
    sizes = struct.pack(">QQ", len(aad) * 8, len(text) * 8)
    summed = ghash(h, padded(aad) + padded(text) + sizes)
    mask = aes(rounds, nonce + b"\0\0\0\1")
    return text + bytes(a ^ b for a, b in zip(summed, mask, strict=True))


# -- X25519 (RFC 7748) ------------------------------------------------------------------------

PRIME = 2**255 - 19


def x25519(secret, public):
    k = bytearray(secret)
    k[0] &= 248
    k[31] = (k[31] & 127) | 64
    scalar = int.from_bytes(k, "little")
    x1 = int.from_bytes(public, "little") & (2**255 - 1)
    x2, z2, x3, z3, swap = 1, 0, x1, 1, 0
    for bit in range(254, -1, -1):
        now = scalar >> bit & 1
        if swap ^ now:
            x2, x3, z2, z3 = x3, x2, z3, z2
        swap = now
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        aa, bb, da, cb = a * a, b * b, d * a, c * b
        e = aa - bb
        x3, z3 = (da + cb) ** 2 % PRIME, x1 * (da - cb) ** 2 % PRIME
        x2, z2 = aa * bb % PRIME, e * (aa + 121665 * e) % PRIME
    if swap:
        x2, z2 = x3, z3
    return (x2 * pow(z2, PRIME - 2, PRIME) % PRIME).to_bytes(32, "little")


NINE = bytes([9]) + bytes(31)

# -- Argon2id, version 0x13 (RFC 9106) --------------------------------------------------------

MASK = 2**64 - 1


def le32(number):
    return struct.pack("<I", number)


def long_hash(data, size):
    if size <= 64:
        return hashlib.blake2b(le32(size) + data, digest_size=size).digest()
    block = hashlib.blake2b(le32(size) + data).digest()
    found = block[:32]
    while size - len(found) > 64:
        block = hashlib.blake2b(block).digest()
        found += block[:32]
    return found + hashlib.blake2b(block, digest_size=size - len(found)).digest()


def mix(v, a, b, c, d):
    for turn_d, turn_b in ((32, 24), (16, 63)):
        v[a] = (v[a] + v[b] + 2 * (v[a] & 0xFFFFFFFF) * (v[b] & 0xFFFFFFFF)) & MASK
        x = v[d] ^ v[a]
        v[d] = (x >> turn_d | x << (64 - turn_d)) & MASK
        v[c] = (v[c] + v[d] + 2 * (v[c] & 0xFFFFFFFF) * (v[d] & 0xFFFFFFFF)) & MASK
        x = v[b] ^ v[c]
        v[b] = (x >> turn_b | x << (64 - turn_b)) & MASK


def permute(v, at):
    for a, b, c, d in (
        (0, 4, 8, 12),
        (1, 5, 9, 13),
        (2, 6, 10, 14),
        (3, 7, 11, 15),
        (0, 5, 10, 15),
        (1, 6, 11, 12),
        (2, 7, 8, 13),
        (3, 4, 9, 14),
    ):
        mix(v, at[a], at[b], at[c], at[d])


def compress(x, y):
    r = [a ^ b for a, b in zip(x, y, strict=True)]
    v = list(r)
    for row in range(8):
        permute(v, range(16 * row, 16 * row + 16))
    for column in range(8):
        permute(v, [16 * row + 2 * column + low for row in range(8) for low in (0, 1)])
    return [a ^ b for a, b in zip(r, v, strict=True)]


def words(data):
    return list(struct.unpack("<128Q", data))


def argon2id(password, salt, *, memory, passes, lanes, size=32, secret=b"", extra=b""):
    begin = b"".join(le32(n) for n in (lanes, size, memory, passes, 0x13, 2))
    for part in (password, salt, secret, extra):
        begin += le32(len(part)) + part
    begin = hashlib.blake2b(begin).digest()
    segment = memory // (4 * lanes)
    columns = 4 * segment
    blocks = [[None] * columns for _ in range(lanes)]
    for lane in range(lanes):
        for column in (0, 1):
            blocks[lane][column] = words(long_hash(begin + le32(column) + le32(lane), 1024))
    for turn in range(passes):
        for part in range(4):
            for lane in range(lanes):
                fill(blocks, turn, part, lane, segment, columns, lanes, passes)
    last = [0] * 128
    for lane in range(lanes):
        last = [a ^ b for a, b in zip(last, blocks[lane][-1], strict=True)]
    return long_hash(struct.pack("<128Q", *last), size)


def fill(blocks, turn, part, lane, segment, columns, lanes, passes):
    independent = turn == 0 and part < 2
    addresses = []
    for index in range(segment):
        column = part * segment + index
        if independent and index % 128 == 0:
            counter = index // 128 + 1
            said = [turn, lane, part, columns * lanes, passes, 2, counter] + [0] * 121
            zero = [0] * 128
            addresses = compress(zero, compress(zero, said))
        if turn == 0 and column < 2:
            continue
        before = blocks[lane][column - 1]
        pick = addresses[index % 128] if independent else before[0]
        low, high = pick & 0xFFFFFFFF, pick >> 32
        other = lane if turn == 0 and part == 0 else high % lanes
        done = part * segment if turn == 0 else columns - segment
        area = done + index - 1 if other == lane else done - (index == 0)
        place = area - 1 - (area * (low * low >> 32) >> 32)
        start = 0 if turn == 0 or part == 3 else (part + 1) * segment
        made = compress(before, blocks[other][(start + place) % columns])
        if turn > 0:
            made = [a ^ b for a, b in zip(made, blocks[lane][column], strict=True)]
        blocks[lane][column] = made


# -- the standards' own examples --------------------------------------------------------------


def check_standards():
    key = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"
    text = (
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
        "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
    )
    aad = "feedfacedeadbeeffeedfacedeadbeefabaddad2"
    sealed = (
        "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
        "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
        "76fc6ece0f4e1768cddf8853bb2d551b"
    )
    h = bytes.fromhex
    assert gcm(h(key), h("cafebabefacedbaddecaf888"), h(text), h(aad)) == h(sealed)
    scalar = h("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4")
    point = h("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c")
    out = h("c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552")
    assert x25519(scalar, point) == out
    tag = argon2id(
        b"\1" * 32, b"\2" * 16, memory=32, passes=3, lanes=4, secret=b"\3" * 8, extra=b"\4" * 12
    )
    assert tag == h("0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659")


# -- devvault's forms, from `devvault help format` --------------------------------------------


def canon(*parts):
    found = b""
    for part in parts:
        data = part if isinstance(part, bytes) else str(part).encode("utf-8", "surrogatepass")
        found += len(data).to_bytes(4, "big") + data
    return found


def sha256_mac(key, data):
    return hmac.new(key, data, hashlib.sha256).digest()


def hkdf(key, salt, info):
    return sha256_mac(sha256_mac(salt or bytes(32), key), info + b"\1")


def b64(data):
    return base64.b64encode(data).decode()


def compact(body):
    return json.dumps(body, separators=(",", ":")).encode()


class Feed:
    """Repeatable randomness: SHA-256 of a label and a counter."""

    def __init__(self, label):
        self.label, self.given = label, b""

    def __call__(self, size):
        number = len(self.given)
        found = b""
        while len(found) < size:
            found += hashlib.sha256(f"{self.label}/{number}/{len(found)}".encode()).digest()
        self.given += found[:size]
        return found[:size]


HOME = "00112233445566778899aabbccddeeff"
MASTER = hashlib.sha256(b"a master key").digest()
GENERATION = 7


def derived(purpose, master=MASTER, generation=GENERATION):
    info = b"devvault 1 " + purpose.encode() + b" " + str(generation).encode()
    return hkdf(master, bytes.fromhex(HOME), info)


def record(kind, scope, name, version, plaintext):
    identity = (HOME, kind, scope, name, version)
    feed = Feed(f"record {identity}")
    key, nonce, second = feed(32), feed(12), feed(12)
    aad = canon("devvault wrap 1", *identity, GENERATION)
    wrapped = nonce + gcm(derived("wrap"), nonce, key, aad)
    sealed = b"\1" + second + gcm(key, second, plaintext, canon("devvault record 1", *identity))
    return {
        "identity": list(identity),
        "random": feed.given.hex(),
        "plaintext": plaintext.hex(),
        "wrapped": wrapped.hex(),
        "sealed": sealed.hex(),
    }


def archived(generation, master):
    keys = b"".join(
        derived(purpose, master, generation) for purpose in ("audit-mac", "audit-seal", "backup")
    )
    return b"\1" + generation.to_bytes(8, "big") + keys


def passphrase_slot(passphrase, memory, passes, lanes):
    feed = Feed(f"slot {passphrase!r}")
    salt, nonce = feed(16), feed(12)
    key = argon2id(passphrase, salt, memory=memory, passes=passes, lanes=lanes)
    wrapped = nonce + gcm(key, nonce, MASTER, canon("devvault slot 1", HOME, GENERATION))
    slot = {
        "format": 1,
        "kdf": "argon2id",
        "salt": salt.hex(),
        "memory": memory,
        "passes": passes,
        "lanes": lanes,
        "wrapped": b64(wrapped),
    }
    return {
        "passphrase": passphrase.hex(),
        "memory": memory,
        "passes": passes,
        "lanes": lanes,
        "random": feed.given.hex(),
        "slot": compact(slot).decode(),
    }


ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def printed(raw):
    data = raw + hashlib.sha256(b"devvault recovery sum 1" + raw).digest()[:3]
    bits = "".join(f"{byte:08b}" for byte in data)
    text = "".join(ALPHABET[int(bits[at : at + 5], 2)] for at in range(0, len(bits), 5))
    return "DVRK-" + "-".join(text[at : at + 4] for at in range(0, len(text), 4))


def recovery_private(raw):
    return hkdf(raw, b"", b"devvault recovery key 1")


def wrap_for(public, context, secret, feed):
    ephemeral = feed(32)
    sender = x25519(ephemeral, NINE)
    key = hkdf(x25519(ephemeral, public), sender + public, context)
    return sender + gcm(key, bytes(12), secret, context)


def recovery():
    feed = Feed("recovery key")
    raw = feed(32)
    public = x25519(recovery_private(raw), NINE)
    second = Feed("recovery slot")
    context = canon("devvault recovery wrap 1", HOME, GENERATION)
    wrapped = wrap_for(public, context, MASTER, second)
    signed = canon(HOME, GENERATION, public, wrapped)
    mac = sha256_mac(derived("mac"), canon("devvault mac 1", "recovery", signed))
    slot = {"format": 1, "public": b64(public), "wrapped": b64(wrapped), "mac": b64(mac)}
    return {
        "key_random": feed.given.hex(),
        "key": printed(raw),
        "public": public.hex(),
        "slot_random": second.given.hex(),
        "slot": compact(slot).decode(),
    }


def pattern(size):
    return bytes(at * at % 251 for at in range(size))


def bundle(how, size):
    feed = Feed(f"bundle {how} {size}")
    if how == "passphrase":
        salt = feed(16)
        root = argon2id(b"correct horse", salt, memory=32, passes=1, lanes=1)
        head = {"by": "passphrase", "kdf": "argon2id", "salt": salt.hex()}
        head |= {"memory": 32, "passes": 1, "lanes": 1}
    else:
        root = feed(32)
        public = bytes.fromhex(RECOVERY["public"])
        wrapped = wrap_for(public, canon("devvault bundle wrap 1"), root, feed)
        head = {"by": "recovery", "public": b64(public), "wrapped": b64(wrapped)}
    text = compact(head)
    mac = sha256_mac(hkdf(root, b"", canon("devvault bundle head 1")), b"DVHOME1\n" + text)
    file = b"DVHOME1\n" + len(text).to_bytes(4, "big") + text + mac
    key = hkdf(root, b"", canon("devvault bundle body 1", text))
    data = pattern(size)
    pieces = [data[at : at + 65536] for at in range(0, size, 65536)] or [b""]
    for number, piece in enumerate(pieces):
        last = number == len(pieces) - 1
        file += gcm(key, number.to_bytes(11, "big") + bytes([last]), piece, b"")
    found = {"by": how, "size": size, "random": feed.given.hex()}
    if size < 1000:
        found["file"] = file.hex()
    found["sha256"] = hashlib.sha256(file).hexdigest()
    return found


def url64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def blob():
    mark = "AzureKeyVaultSecretBackupV1.microsoft.com"
    kid = f"{HOME}/{GENERATION}"
    protected = url64(compact({"alg": "dir", "enc": "A256GCM", "kid": kid}))
    feed = Feed("blob")
    nonce = feed(12)
    plaintext = b'{"format":1}'
    sealed = gcm(derived("backup"), nonce, plaintext, protected)
    parts = [protected, b"", url64(nonce), url64(sealed[:-16]), url64(sealed[-16:])]
    whole = bytes([len(mark)]) + mark.encode() + b".".join(parts)
    return {
        "mark": mark,
        "kid": kid,
        "random": feed.given.hex(),
        "plaintext": plaintext.hex(),
        "blob": whole.hex(),
    }


def chain():
    """Three links; the third one is of a later epoch, whose master key is another."""
    later = hashlib.sha256(b"a later master key").digest()
    before, rows = bytes(32), []
    for seq, epoch, master in ((1, 7, MASTER), (2, 7, MASTER), (3, 8, later)):
        at = 1_772_366_400_000_000 + seq
        plaintext = f'{{"number":{seq}}}'.encode()
        place = canon("devvault audit 1", HOME, seq, at, epoch)
        feed = Feed(f"audit {seq}")
        nonce = feed(12)
        sealed = nonce + gcm(derived("audit-seal", master, epoch), nonce, plaintext, place)
        mac = sha256_mac(derived("audit-mac", master, epoch), canon(before, place, sealed))
        rows.append(
            {
                "seq": seq,
                "at": at,
                "epoch": epoch,
                "plaintext": plaintext.hex(),
                "random": feed.given.hex(),
                "sealed": sealed.hex(),
                "mac": mac.hex(),
            }
        )
        before = mac
    body = json.dumps({"count": 3, "epoch": 8, "mac": before.hex()}).encode()
    signed = sha256_mac(derived("audit-mac", later, 8), b"devvault anchor 1\0" + body)
    return {
        "later_master": later.hex(),
        "later_generation": 8,
        "rows": rows,
        "anchor": (signed.hex().encode() + b" " + body).decode(),
    }


RECOVERY = recovery()


def make():
    check_standards()
    return {
        "about": "made by make_sealing.py, which knows nothing of devvault's code",
        "home": HOME,
        "generation": GENERATION,
        "master": MASTER.hex(),
        "canon": [
            {"parts": ["devvault", "", "é", 12], "bytes": canon("devvault", "", "é", 12).hex()}
        ],
        "keys": {
            purpose: derived(purpose).hex()
            for purpose in ("wrap", "mac", "audit-mac", "audit-seal", "backup", "fingerprint")
        },
        "records": [
            record("secret.version", "my-vault", "db-connection-string", "0" * 32, b'{"x":1}'),
            record("home", "", "home", "", b""),
            record("trust", "", "/home/zoë/app", "", bytes(range(256)) * 3),
        ],
        "mac": {
            "purpose": "a purpose",
            "data": b"data".hex(),
            "mac": sha256_mac(derived("mac"), canon("devvault mac 1", "a purpose", b"data")).hex(),
        },
        "archived": archived(GENERATION, MASTER).hex(),
        "passphrase": [
            passphrase_slot(b"correct horse", 64, 1, 1),
            passphrase_slot("pässwörd".encode(), 96, 2, 3),
        ],
        "recovery": RECOVERY,
        "bundles": [
            bundle(how, size) for how in ("passphrase", "recovery") for size in (0, 100, 65541)
        ]
        + [bundle("recovery", 65536)],
        "blob": blob(),
        "chain": chain(),
    }


if __name__ == "__main__":
    print(json.dumps(make(), indent=1))
