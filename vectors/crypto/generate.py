"""Writes the known answers of this folder; the same input gives the same bytes every time.

Needs `pip install cryptography==48.0.0 cryptography_vectors==48.0.0 kyber-py==1.2.0` (OpenSSL inside the first). What is
published comes from the second package, unchanged but for its layout; what exists nowhere (packets in SSH's layout,
Diffie-Hellman with chosen exponents, RSA keys of odd sizes and forged RSA signatures, sntrup761 in `sntrup761.py`) is
computed here with OpenSSL's primitives or with Python's integers, independently of the crates that the tests check.

Layout: records of `name = value` lines with an empty line between them; values are hexadecimal unless the test reads
them as text.
"""

import hashlib
import math
import os
import random
import re
import zlib

import cryptography_vectors
import sntrup761
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.poly1305 import Poly1305
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from kyber_py.ml_kem import ML_KEM_768

PUBLISHED = os.path.dirname(cryptography_vectors.__file__)
HERE = os.path.dirname(os.path.abspath(__file__))
rng = random.Random("ssh-proto known answers")


def published(path):
    with open(os.path.join(PUBLISHED, path)) as file:
        return file.read()


def write(name, records):
    with open(os.path.join(HERE, name), "w") as file:
        blocks = ("".join(f"{key} = {value}\n" for key, value in record.items()) for record in records)
        file.write("\n".join(blocks))


def fields(block):
    return dict(re.findall(r"^(\w+) = ?(.*?) *$", block, re.M))


def aes_ctr():
    for bits in (128, 192, 256):
        for block in published(f"ciphers/AES/CTR/aes-{bits}-ctr.txt").split("\n\n"):
            record = fields(block)
            if "KEY" in record:
                yield {
                    "source": "RFC 3686",
                    "key": record["KEY"].lower(),
                    "iv": record["IV"].lower(),
                    "plaintext": record["PLAINTEXT"].lower(),
                    "ciphertext": record["CIPHERTEXT"].lower(),
                }
        # The counter wraps within the first packet: all 16 bytes count.
        for iv in (b"\xff" * 16, b"\xff" * 15 + b"\xfe", b"\0" * 8 + b"\xff" * 8):
            key, plaintext = rng.randbytes(bits // 8), rng.randbytes(400)
            encryptor = Cipher(algorithms.AES(key), modes.CTR(iv)).encryptor()
            yield {
                "source": "OpenSSL",
                "key": key.hex(),
                "iv": iv.hex(),
                "plaintext": plaintext.hex(),
                "ciphertext": encryptor.update(plaintext).hex(),
            }


def aes_cbc():
    for bits in (128, 256):
        encrypt, decrypt = published(f"ciphers/AES/CBC/CBCMMT{bits}.rsp").split("[DECRYPT]")
        for half in (encrypt, decrypt):
            for block in half.split("\n\n"):
                record = fields(block)
                if "KEY" in record:
                    yield {
                        "source": "NIST CAVP CBCMMT",
                        "key": record["KEY"],
                        "iv": record["IV"],
                        "plaintext": record["PLAINTEXT"],
                        "ciphertext": record["CIPHERTEXT"],
                    }


def packet(length):
    """A whole binary packet without tag, as both AEADs get it: `length` counts the four bytes of its length field."""
    return (length - 4).to_bytes(4, "big") + rng.randbytes(length - 4)


def aes_gcm():
    for size in (16, 32):
        for counter in (0, 1, 0x0123456789ABCDEF, 2**64 - 2):
            key, fixed = rng.randbytes(size), rng.randbytes(4)
            record = {"source": "OpenSSL", "key": key.hex(), "iv": (fixed + counter.to_bytes(8, "big")).hex()}
            # Four packets in a row: the invocation counter, and nothing else, moves on, and it wraps.
            for number, length in enumerate((20, 36, 4 + 16 * 17, 4)):
                clear = packet(length)
                nonce = fixed + ((counter + number) % 2**64).to_bytes(8, "big")
                sealed = AESGCM(key).encrypt(nonce, clear[4:], clear[:4])
                record[f"clear{number}"] = clear.hex()
                record[f"sealed{number}"] = (clear[:4] + sealed).hex()
            yield record


def chacha20(key, sequence, block, data):
    nonce = block.to_bytes(8, "little") + sequence.to_bytes(8, "big")
    return Cipher(algorithms.ChaCha20(key, nonce), mode=None).encryptor().update(data)


def chacha20_poly1305():
    for sequence in (0, 1, 7, 0x01020304, 2**32 - 1):
        for length in (4, 5, 12, 28, 64, 68, 69, 195, 196, 197, 260, 324, 1028):
            key, clear = rng.randbytes(64), packet(length)
            k2, k1 = key[:32], key[32:]
            sealed = chacha20(k1, sequence, 0, clear[:4]) + chacha20(k2, sequence, 1, clear[4:])
            tag = Poly1305.generate_tag(chacha20(k2, sequence, 0, bytes(32)), sealed)
            yield {
                "source": "OpenSSL",
                "key": key.hex(),
                "sequence": sequence,
                "clear": clear.hex(),
                "sealed": (sealed + tag).hex(),
            }


def hmac():
    for name, path in (
        ("hmac-sha1", "HMAC/rfc-2202-sha1.txt"),
        ("hmac-sha2-256", "HMAC/rfc-4231-sha256.txt"),
        ("hmac-sha2-512", "HMAC/rfc-4231-sha512.txt"),
    ):
        for block in published(path).split("\n\n"):
            record = fields(block)
            if "MD" in record:
                source = "RFC 2202" if name == "hmac-sha1" else "RFC 4231"
                yield {
                    "source": source, "name": name, "key": record["Key"], "message": record["Msg"], "tag": record["MD"]
                }

def umac_tag(key, message, nonce, length):
    """RFC 4418, section by section, for messages of at most 2^24 bytes."""

    def aes(key, block):
        return Cipher(algorithms.AES(key), modes.ECB()).encryptor().update(block)

    def derive(purpose, size):  # 3.2, KDF
        blocks = range(1, size // 16 + 2)
        return b"".join(aes(key, purpose.to_bytes(8, "big") + i.to_bytes(8, "big")) for i in blocks)[:size]

    def words(data, size, order):
        return [int.from_bytes(data[i : i + size], order) for i in range(0, len(data), size)]

    def nh(key, chunk):  # 5.2.2
        k, m = words(key, 4, "big"), words(chunk, 4, "little")
        pairs = ((8 * i + j, 8 * i + j + 4) for i in range(len(m) // 8) for j in range(4))
        return sum(((m[a] + k[a]) % 2**32) * ((m[b] + k[b]) % 2**32) for a, b in pairs)

    def layer1(key):  # 5.2
        for start in range(0, max(len(message), 1), 1024):
            chunk = message[start : start + 1024]
            padded = chunk + bytes(-len(chunk) % 32) if chunk else bytes(32)
            yield (nh(key, padded) + 8 * len(chunk)) % 2**64

    def layer2(key, hashed):  # 5.3
        point, prime, value = int.from_bytes(key[:8], "big") & 0x01FFFFFF01FFFFFF, 2**64 - 59, 1
        for word in hashed:
            if word >= 2**64 - 2**32:
                value, word = (point * value + prime - 1) % prime, word - 59
            value = (point * value + word) % prime
        return value

    def layer3(key, mask, value):  # 5.4
        products = zip(words(value.to_bytes(16, "big"), 2, "big"), words(key, 8, "big"))
        inner = sum(m * (k % (2**36 - 5)) for m, k in products) % (2**36 - 5)
        return (inner % 2**32 ^ int.from_bytes(mask, "big")).to_bytes(4, "big")

    hashes = length // 4
    keys1, keys2 = derive(1, 1024 + 16 * (hashes - 1)), derive(2, 24 * hashes)
    keys3, masks = derive(3, 64 * hashes), derive(4, 4 * hashes)
    tag = b""
    for i in range(hashes):
        hashed = list(layer1(keys1[16 * i : 16 * i + 1024]))
        value = hashed[0] if len(message) <= 1024 else layer2(keys2[24 * i : 24 * i + 24], hashed)
        tag += layer3(keys3[64 * i : 64 * i + 64], masks[4 * i : 4 * i + 4], value)
    number = int.from_bytes(nonce, "big")  # 4, PDF
    index = number % (16 // length)
    pad = aes(derive(0, 16), (number - index).to_bytes(8, "big") + bytes(8))[index * length :]
    return bytes(a ^ b for a, b in zip(tag, pad))


# RFC 4418's appendix: 64-bit tags, and 96-bit tags, with which tags of 128 bits begin.
UMAC_PUBLISHED = (
    (b"a", 0, "6E155FAD26900BE1", "32FEDB100C79AD58F07FF764"),
    (b"a", 3, "44B5CB542F220104", "185E4FE905CBA7BD85E4C2DC"),
    (b"a", 2**10, "26BF2F5D60118BD9", "7A54ABE04AF82D60FB298C3C"),
    (b"a", 2**15, "27F8EF643B0D118D", "7B136BD911E4B734286EF2BE"),
    (b"a", 2**20, "A4477E87E9F55853", "F8ACFA3AC31CFEEA047F7B11"),
    (b"abc", 1, "D4D7B9F6BD4FBFCF", "883C3D4B97A61976FFCF2323"),
    (b"abc", 500, "D4CF26DDEFD5C01A", "8824A260C53C66A36C9260A6"),
)


def umac():
    def record(source, key, nonce, piece, times, length):
        return {
            "source": source,
            "name": f"umac-{8 * length}",
            "key": key.hex(),
            "nonce": nonce.hex(),
            "piece": piece.hex(),
            "times": times,
            "tag": umac_tag(key, piece * times, nonce, length).hex(),
        }

    for piece, times, tag64, tag96 in UMAC_PUBLISHED:
        for length, published_tag in ((8, tag64), (16, tag96)):
            found = record("RFC 4418", b"abcdefghijklmnop", b"bcdefghi", piece, times, length)
            assert found["tag"].startswith(published_tag.lower())
            yield found
    rng = random.Random("umac")
    for size in (1, 16, 31, 32, 33, 64, 1000, 1023, 1024, 1025, 1056, 2048, 2049, 5000):
        for length, number in ((8, 2 * size), (8, 2**32 - 2 * size + 1), (16, size)):
            yield record("computed", rng.randbytes(16), number.to_bytes(8, "big"), rng.randbytes(size), 1, length)

def compressed():
    """One zlib stream, a payload a record, each ended by the partial flush of RFC 4253 section 6.2."""
    stream = zlib.compressobj(6)
    rng = random.Random("zlib")
    noise = rng.randbytes(300)
    for payload in (b"first payload", b"second payload, after the first", bytes(3000), noise, noise, b"abc" * 50, b"\n"):
        out = stream.compress(payload) + stream.flush(zlib.Z_PARTIAL_FLUSH)
        yield {"source": "zlib", "payload": payload.hex(), "compressed": out.hex()}


def x25519():
    for block in published("asymmetric/X25519/rfc7748.txt").split("\n\n")[:4]:
        record = fields(block)
        if "INPUT_SCALAR" in record:
            yield {
                "source": "RFC 7748 section 5.2",
                "scalar": record["INPUT_SCALAR"],
                "u": record["INPUT_U"],
                "result": record["OUTPUT_U"],
            }


def mlkem768_x25519():
    """Keys and ciphertexts from kyber-py, which takes the randomness of both; secrets from OpenSSL."""
    # A generator of its own: what follows elsewhere stays as it was.
    rng = random.Random("mlkem768x25519-sha256")
    for case in ["good"] * 4 + ["of another key", "of zeros"]:
        seed, m = rng.randbytes(64), rng.randbytes(32)
        client, server = (X25519PrivateKey.from_private_bytes(rng.randbytes(32)) for _ in range(2))
        key = MLKEM768PrivateKey.from_seed_bytes(seed)
        encapsulation_key, _ = ML_KEM_768._keygen_internal(seed[:32], seed[32:])
        assert encapsulation_key == key.public_key().public_bytes_raw()
        to_key = encapsulation_key
        if case == "of another key":
            to_key, _ = ML_KEM_768._keygen_internal(rng.randbytes(32), rng.randbytes(32))
        _, ciphertext = ML_KEM_768._encaps_internal(to_key, m)
        if case == "of zeros":
            ciphertext = bytes(len(ciphertext))
        reply = ciphertext + server.public_key().public_bytes_raw()
        yield {
            "source": "kyber-py and OpenSSL",
            "ciphertext": case,
            "client_random": (client.private_bytes_raw() + seed).hex(),
            "server_random": (server.private_bytes_raw() + m).hex(),
            "init": (encapsulation_key + client.public_key().public_bytes_raw()).hex(),
            "reply": reply.hex(),
            "secret": hashlib.sha256(key.decapsulate(ciphertext) + client.exchange(server.public_key())).hexdigest(),
        }


def ed25519():
    lines = published("asymmetric/Ed25519/sign.input").splitlines()
    for line in lines[:20] + lines[63:66] + lines[255:256] + lines[1023:]:
        seed, key, message, signature = line.split(":")[:4]
        yield {
            "source": "ed25519.cr.yp.to (the first three are in RFC 8032 section 7.1)",
            "key": key,
            "message": message,
            "signature": signature[:128],
        }


# Bits, the correction that makes the prime safe, and the bytes of an exponent. Group 1 is the second group of RFC 2409.
PI_GROUPS = {
    1: (1024, 129093, 64),
    14: (2048, 124476, 64),
    15: (3072, 1690314, 64),
    16: (4096, 240904, 64),
    17: (6144, 929484, 72),
    18: (8192, 4743158, 80),
}


ECDSA_CURVES = {"P-256": ("nistp256", 32, "SHA256"), "P-384": ("nistp384", 48, "SHA384"), "P-521": ("nistp521", 66, "SHA512")}


def ecdsa_fips():
    for section in published("asymmetric/ECDSA/FIPS_186-3/SigVer.rsp").split("\n[")[1:]:
        head, cases = section.split("]", 1)
        curve, size, hash = ECDSA_CURVES.get(head.split(",")[0], ("", 0, ""))
        if head.split(",")[1].replace("-", "") != hash:
            continue
        for part in cases.split("\n\n"):
            record = fields(part)
            if "Qx" in record:
                yield {
                    "source": "NIST CAVP FIPS 186-3 SigVer",
                    "curve": curve,
                    "point": "04" + record["Qx"].zfill(2 * size) + record["Qy"].zfill(2 * size),
                    "message": record["Msg"],
                    "r": record["R"].zfill(2 * size),
                    "s": record["S"].zfill(2 * size),
                    "good": "yes" if record["Result"].startswith("P") else "no",
                }


def ecdsa_deterministic():
    text = published("asymmetric/ECDSA/RFC6979/evppkey_ecdsa_rfc6979.txt")
    keys = dict(re.findall(r"^PrivateKey=(\S+)_PRIV\n(.*?-----END PRIVATE KEY-----\n)", text, re.M | re.S))
    for part in text.split("\n\n"):
        record = fields(part)
        name = record.get("Key", "").removesuffix("_PRIV")
        if name not in ECDSA_CURVES or record.get("DigestSign") != ECDSA_CURVES[name][2]:
            continue
        curve, size, _ = ECDSA_CURVES[name]
        key = load_pem_private_key(keys[name].encode(), None)
        public = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        r, s = decode_dss_signature(bytes.fromhex(record["Output"]))
        yield {
            "source": "RFC 6979 appendix A.2",
            "curve": curve,
            "private": key.private_numbers().private_value.to_bytes(size, "big").hex(),
            "point": public.hex(),
            "message": record["Input"].strip('"').encode().hex(),
            "r": r.to_bytes(size, "big").hex(),
            "s": s.to_bytes(size, "big").hex(),
            "good": "yes",
        }


def pi(bits):
    """floor(2^bits * pi), by Machin's formula."""

    def arctan_of_inverse(x):
        total, term, divisor, sign = 0, (1 << (bits + 64)) // x, 1, 1
        while term:
            total += sign * (term // divisor)
            term, divisor, sign = term // (x * x), divisor + 2, -sign
        return total

    return 4 * (4 * arctan_of_inverse(5) - arctan_of_inverse(239)) >> 64


def prime_of_group(group):
    bits, correction, _ = PI_GROUPS[group]
    return 2**bits - 2 ** (bits - 64) - 1 + 2**64 * (pi(bits - 130) + correction)


def hexadecimal(number):
    digits = f"{number:x}"
    return digits.zfill(len(digits) + len(digits) % 2)


def diffie_hellman(groups, rng):
    for group in groups:
        bits, _, exponent_bytes = PI_GROUPS[group]
        p = prime_of_group(group)
        for _ in range(2):
            # What the generator of random numbers gives; the highest bit is then set.
            mine, theirs = rng.randbytes(exponent_bytes), rng.randbytes(exponent_bytes)
            highest = 1 << (8 * exponent_bytes - 1)
            x, y = (int.from_bytes(one, "big") | highest for one in (mine, theirs))
            yield {
                "source": "Python",
                "group": group,
                "random": mine.hex(),
                "public": hexadecimal(pow(2, x, p)),
                "peer": hexadecimal(pow(2, y, p)),
                "secret": pow(2, x * y, p).to_bytes(bits // 8, "big").hex(),
            }


ECDH_CURVES = {"nistp256": ec.SECP256R1(), "nistp384": ec.SECP384R1(), "nistp521": ec.SECP521R1()}


def uncompressed(key):
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint).hex()


def ecdh(rng):
    for name, curve in ECDH_CURVES.items():
        for _ in range(4):
            # Numbers as they are drawn: of bytes of the curve's size, of which the bits beyond it are left out here so
            # that none is above the order of the group.
            drawn = [rng.getrandbits(curve.key_size - 1) for _ in range(2)]
            mine, theirs = (ec.derive_private_key(number, curve) for number in drawn)
            yield {
                "source": "OpenSSL",
                "name": f"ecdh-sha2-{name}",
                "random": drawn[0].to_bytes((curve.key_size + 7) // 8, "big").hex(),
                "public": uncompressed(mine),
                "peer": uncompressed(theirs),
                "secret": mine.exchange(ec.ECDH(), theirs.public_key()).hex(),
            }


def stream(key):
    """What ChaCha20 gives from its beginning, as a function that takes so many bytes of it."""
    return lambda length, state=Cipher(algorithms.ChaCha20(key, bytes(16)), mode=None).encryptor(): state.update(bytes(length))


def sntrup761_x25519():
    rng = random.Random("sntrup761x25519-sha512")
    for number in range(4):
        client_seed, server_seed = rng.randbytes(32), rng.randbytes(32)
        client, server = stream(client_seed), stream(server_seed)
        client_key, server_key = (X25519PrivateKey.from_private_bytes(take(32)) for take in (client, server))
        classical = client_key.exchange(server_key.public_key())
        key = sntrup761.generate(client)
        ciphertext, shared = sntrup761.encapsulate(key["public"], server)

        def record(kind, ciphertext, shared):
            return {
                "source": "the specification in Python, and OpenSSL",
                "ciphertext": kind,
                "client_seed": client_seed.hex(),
                "server_seed": server_seed.hex(),
                "init": (key["public"] + client_key.public_key().public_bytes_raw()).hex(),
                "reply": (ciphertext + server_key.public_key().public_bytes_raw()).hex(),
                "secret": hashlib.sha512(shared + classical).hexdigest(),
            }

        yield record("good", ciphertext, shared)
        # The polynomial, its last byte, the hash that confirms it, and nothing of all that.
        wrong = bytearray(ciphertext if number < 3 else rng.randbytes(len(ciphertext)))
        if number < 3:
            wrong[(500, 1006, 1030)[number]] ^= 1 << number
        yield record("wrong", bytes(wrong), sntrup761.decapsulate(key, bytes(wrong)))


def diffie_hellman_in_any_group():
    """Groups that only group exchange meets: lengths that fill no byte or word, and other generators than 2."""
    rng = random.Random("diffie-hellman-group-exchange")
    for bits, generator in [(2048, 5), (2056, 3), (2305, 2), (3071, 2), (4104, 2), (6200, 7)]:
        # Powers do not ask whether the modulus is prime: any odd one will do.
        p = rng.getrandbits(bits) | 1 << (bits - 1) | 1
        exponent_bytes = 64 if bits <= 4096 else 72 if bits <= 6144 else 80
        mine, theirs = rng.randbytes(exponent_bytes), rng.randbytes(exponent_bytes)
        highest = 1 << (8 * exponent_bytes - 1)
        x, y = (int.from_bytes(one, "big") | highest for one in (mine, theirs))
        yield {
            "source": "Python",
            "prime": hexadecimal(p),
            "generator": hexadecimal(generator),
            "random": mine.hex(),
            "public": hexadecimal(pow(generator, x, p)),
            "peer": hexadecimal(pow(generator, y, p)),
            "secret": hexadecimal(pow(generator, x * y, p)),
        }


SMALL_PRIMES = [n for n in range(3, 20000, 2) if all(n % d for d in range(3, math.isqrt(n) + 1, 2))]


def prime(bits, exponent):
    while True:
        n = rng.getrandbits(bits) | 3 << (bits - 2) | 1
        if any(n % small == 0 for small in SMALL_PRIMES) or pow(2, n - 1, n) != 1:
            continue
        if math.gcd(n - 1, exponent) == 1 and all(pow(rng.getrandbits(64) | 1, n - 1, n) == 1 for _ in range(8)):
            return n


OBJECT = {"sha1": "2b0e03021a", "sha256": "608648016503040201", "sha512": "608648016503040203"}
NAMES = {"sha1": "ssh-rsa", "sha256": "rsa-sha2-256", "sha512": "rsa-sha2-512"}


def digest_info(name, message, null=b"\x05\0"):
    value = hashlib.new(name, message).digest()
    oid = bytes.fromhex(OBJECT[name])
    algorithm = b"\x06" + bytes([len(oid)]) + oid + null
    body = b"\x30" + bytes([len(algorithm)]) + algorithm + b"\x04" + bytes([len(value)]) + value
    return b"\x30" + bytes([len(body)]) + body


def encode(length, info):
    return b"\0\1" + b"\xff" * (length - 3 - len(info)) + b"\0" + info


def rsa_fips():
    keys = re.split(r"^n = ", published("asymmetric/RSA/FIPS_186-2/SigVer15_186-3.rsp"), flags=re.M)[1:]
    seen = set()
    for key in keys:
        n, cases = key.split("\n", 1)
        bits = int(n, 16).bit_length()
        if bits < 2048 or bits in seen:
            continue
        seen.add(bits)
        for part in cases.split("\n\n"):
            record = fields(part)
            name = record.get("SHAAlg", "").lower()
            if name in NAMES:
                yield {
                    "source": "NIST CAVP SigVer15_186-3",
                    "case": re.sub(r"^.\W*\d*\W*|\W*$", "", record["Result"]) or "good",
                    "name": NAMES[name],
                    "e": hexadecimal(int(record["e"], 16)),
                    "n": n,
                    "message": record["Msg"],
                    "signature": record["S"],
                    "good": "yes" if record["Result"].startswith("P") else "no",
                }


def rsa_made():
    message = b"what do ya want for nothing?"
    for bits, exponent in ((2048, 3), (2048, 2**33 - 9), (2056, 65537), (4096, 65537), (8192, 65537)):
        p, q = prime(bits // 2, exponent), prime(bits // 2, exponent)
        n, length = p * q, (bits + 7) // 8
        d = pow(exponent, -1, (p - 1) * (q - 1))

        def record(case, name, encoded, good, message=message):
            number = int.from_bytes(encoded, "big")
            return {
                "source": "Python",
                "case": case,
                "name": NAMES[name],
                "e": hexadecimal(exponent),
                "n": hexadecimal(n),
                "message": message.hex(),
                "signature": pow(number, d, n).to_bytes(length, "big").hex(),
                "good": good,
            }

        for name in NAMES:
            yield record("good", name, encode(length, digest_info(name, message)), "yes")
        if bits != 2048:
            continue
        good = digest_info("sha256", message)
        padding = b"\0\1" + b"\xff" * 8 + b"\0"
        yield record("garbage after the hash", "sha256", (padding + good).ljust(length, b"\xaa"), "no")
        yield record("zeros after the hash", "sha256", (padding + good).ljust(length, b"\0"), "no")
        yield record("no NULL", "sha256", encode(length, digest_info("sha256", message, b"")), "no")
        long_form = b"\x30\x81" + good[1:]
        yield record("BER long form", "sha256", encode(length, long_form), "no")
        yield record("bare hash", "sha256", encode(length, hashlib.sha256(message).digest()), "no")
        yield record("another hash", "sha256", encode(length, digest_info("sha512", message)), "no")
        whole = bytearray(encode(length, good))
        whole[1] = 2
        yield record("block type 2", "sha256", bytes(whole), "no")
        whole = bytearray(encode(length, good))
        whole[20] = 0
        yield record("zero in the padding", "sha256", bytes(whole), "no")
        for case, value in (("signature 0", 0), ("signature 1", 1), ("signature n", n), ("signature n-1", n - 1)):
            yield record(case, "sha256", b"\0", "no") | {"signature": value.to_bytes(length, "big").hex()}
        # Some signature starts with a zero byte; RFC 8332 section 3 lets a signer drop it.
        for counter in range(1 << 16):
            text = b"message %d" % counter
            found = record("leading zero", "sha512", encode(length, digest_info("sha512", text)), "yes", text)
            if found["signature"].startswith("00"):
                yield found
                break


def string(content):
    return len(content).to_bytes(4, "big") + content


def mpint(number):
    return string(number.to_bytes(number.bit_length() // 8 + 1, "big") if number else b"")


def security_keys(random):
    """Signatures as OpenSSH's PROTOCOL.u2f has them."""
    for flags, counter, application in ((1, 1, b"ssh:"), (5, 0xFFFFFFFF, b"ssh:work"), (0, 7, b"ssh:"), (4, 0, b"")):
        message = random.randbytes(100)
        hashes = [hashlib.sha256(part).digest() for part in (application, message)]
        signed = hashes[0] + bytes([flags]) + counter.to_bytes(4, "big") + hashes[1]

        def record(name, key, signature):
            return {
                "source": "OpenSSL",
                "name": name,
                "key": (string(name.encode()) + key + string(application)).hex(),
                "message": message.hex(),
                "flags": f"{flags:02x}",
                "counter": f"{counter:08x}",
                "signature": signature.hex(),
            }

        key = Ed25519PrivateKey.from_private_bytes(random.randbytes(32))
        public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        yield record("sk-ssh-ed25519@openssh.com", string(public), key.sign(signed))
        key = ec.derive_private_key(random.getrandbits(255), ec.SECP256R1())
        public = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        r, s = decode_dss_signature(key.sign(signed, ec.ECDSA(SHA256(), deterministic_signing=True)))
        fields = string(b"nistp256") + string(public)
        yield record("sk-ecdsa-sha2-nistp256@openssh.com", fields, mpint(r) + mpint(s))


write("aes_ctr.txt", aes_ctr())
write("aes_cbc.txt", aes_cbc())
write("aes_gcm.txt", aes_gcm())
write("chacha20_poly1305.txt", chacha20_poly1305())
write("hmac.txt", hmac())
write("x25519.txt", x25519())
write("sntrup761x25519.txt", sntrup761_x25519())
write("mlkem768x25519.txt", mlkem768_x25519())
write("ed25519.txt", ed25519())
write("dh.txt", [*diffie_hellman((14, 16, 18), rng), *diffie_hellman((1, 15, 17), random.Random("groups 1, 15 and 17"))])
write("ecdh.txt", ecdh(random.Random("elliptic curves")))
write("dh_groups.txt", diffie_hellman_in_any_group())
write("ecdsa.txt", [*ecdsa_deterministic(), *ecdsa_fips()])
write("sk.txt", security_keys(random.Random("security keys")))
write("rsa.txt", [*rsa_fips(), *rsa_made()])
write("umac.txt", umac())
write("zlib.txt", compressed())
