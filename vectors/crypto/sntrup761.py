"""Streamlined NTRU Prime, sntrup761, as its specification defines it (NTRU Prime, round 3, section 3): with Python's
integers, sorting and Euclid's algorithm, for known answers. It is slow, and its time says what the secrets are."""

import hashlib

P, Q, W = 761, 4591, 286


def centred(value, modulus):
    return (value + modulus // 2) % modulus - modulus // 2


def multiply(a, b, modulus):
    """In the ring of polynomials modulo x^p - x - 1."""
    product = [0] * (2 * P - 1)
    for i, x in enumerate(a):
        if x:
            for j, y in enumerate(b):
                product[i + j] += x * y
    for i in range(2 * P - 2, P - 1, -1):
        product[i - P] += product[i]
        product[i - P + 1] += product[i]
    return [centred(value, modulus) for value in product[:P]]


def trimmed(a):
    while a and a[-1] == 0:
        a.pop()
    return a


def inverse(a, modulus):
    """1/a modulo x^p - x - 1 by Euclid's algorithm; None when there is none."""
    r0, r1 = [-1, -1] + [0] * (P - 2) + [1], trimmed([value % modulus for value in a])
    s0, s1 = [], [1]
    r0 = [value % modulus for value in r0]
    while len(r1) > 1:
        # r0, s0 -= r1, s1 * the quotient, one term after the other.
        lead = pow(r1[-1], -1, modulus)
        while len(r0) >= len(r1):
            term, shift = r0[-1] * lead % modulus, len(r0) - len(r1)
            for i, value in enumerate(r1):
                r0[i + shift] = (r0[i + shift] - term * value) % modulus
            s0 += [0] * (len(s1) + shift - len(s0))
            for i, value in enumerate(s1):
                s0[i + shift] = (s0[i + shift] - term * value) % modulus
            trimmed(r0)
        r0, r1, s0, s1 = r1, r0, s1, s0
    if not r1:
        return None
    scale = pow(r1[0], -1, modulus)
    return [centred(value * scale, modulus) for value in s1] + [0] * (P - len(s1))


def encode(values, moduli):
    """Numbers below their moduli, as the specification packs them."""
    if len(values) == 1:
        value, modulus, out = values[0], moduli[0], b""
        while modulus > 1:
            out, value, modulus = out + bytes([value % 256]), value // 256, (modulus + 255) // 256
        return out
    out, values2, moduli2 = b"", [], []
    for i in range(0, len(values) - 1, 2):
        value, modulus = values[i] + moduli[i] * values[i + 1], moduli[i] * moduli[i + 1]
        while modulus >= 16384:
            out, value, modulus = out + bytes([value % 256]), value // 256, (modulus + 255) // 256
        values2.append(value)
        moduli2.append(modulus)
    if len(values) % 2:
        values2.append(values[-1])
        moduli2.append(moduli[-1])
    return out + encode(values2, moduli2)


def decode(data, moduli):
    if len(moduli) == 1:
        return [int.from_bytes(data, "little") % moduli[0]]
    bottom, moduli2, at = [], [], 0
    for i in range(0, len(moduli) - 1, 2):
        modulus, low, weight = moduli[i] * moduli[i + 1], 0, 1
        while modulus >= 16384:
            low, weight, modulus, at = low + weight * data[at], weight * 256, (modulus + 255) // 256, at + 1
        bottom.append((low, weight))
        moduli2.append(modulus)
    if len(moduli) % 2:
        moduli2.append(moduli[-1])
    above, values = decode(data[at:], moduli2), []
    for i, (low, weight) in enumerate(bottom):
        value = low + weight * above[i]
        values += [value % moduli[2 * i], value // moduli[2 * i] % moduli[2 * i + 1]]
    return values + above[len(bottom) :]


def encode_rq(a):
    return encode([value + (Q - 1) // 2 for value in a], [Q] * P)


def decode_rq(data):
    return [value - (Q - 1) // 2 for value in decode(data, [Q] * P)]


def encode_rounded(a):
    return encode([(value + (Q - 1) // 2) // 3 for value in a], [(Q - 1) // 3 + 1] * P)


def decode_rounded(data):
    return [value * 3 - (Q - 1) // 2 for value in decode(data, [(Q - 1) // 3 + 1] * P)]


def encode_small(a):
    padded = [value + 1 for value in a] + [0] * (-P % 4)
    return bytes(sum(value << 2 * i for i, value in enumerate(padded[at : at + 4])) for at in range(0, P, 4))


def words(random):
    return [int.from_bytes(random(4), "little") for _ in range(P)]


def random_small(random):
    return [((word & 0x3FFFFFFF) * 3 >> 30) - 1 for word in words(random)]


def random_short(random):
    drawn = words(random)
    even, rest = [word & ~1 for word in drawn[:W]], [word & ~3 | 1 for word in drawn[W:]]
    return [(word & 3) - 1 for word in sorted(even + rest)]


def digest(prefix, data):
    return hashlib.sha512(bytes([prefix]) + data).digest()[:32]


def rounded(a):
    return [value - centred(value, 3) for value in a]


def hide(r, public):
    """The ciphertext for a short polynomial, and what is hashed of it."""
    ciphertext = encode_rounded(rounded(multiply(r, decode_rq(public), Q)))
    inner = digest(3, encode_small(r))
    return ciphertext + digest(2, inner + digest(4, public)), inner


def generate(random):
    """A key from `random`, a function that gives so many bytes."""
    while True:
        g = random_small(random)
        g_inverse = inverse(g, 3)
        if g_inverse:
            break
    f = random_short(random)
    third = pow(3, -1, Q)
    f_inverse = inverse(f, Q)
    public = encode_rq(multiply(g, [value * third for value in f_inverse], Q))
    rho = random((P + 3) // 4)
    return {"f": f, "g_inverse": g_inverse, "rho": rho, "public": public}


def encapsulate(public, random):
    ciphertext, inner = hide(random_short(random), public)
    return ciphertext, digest(1, inner + ciphertext)


def decapsulate(key, ciphertext):
    c = decode_rounded(ciphertext[:-32])
    e = [centred(value, 3) for value in multiply(key["f"], [3 * value for value in c], Q)]
    r = multiply(e, key["g_inverse"], 3)
    if sum(map(abs, r)) != W:
        r = [1] * W + [0] * (P - W)
    again, inner = hide(r, key["public"])
    if again == ciphertext:
        return digest(1, inner + ciphertext)
    return digest(0, digest(3, key["rho"]) + ciphertext)
