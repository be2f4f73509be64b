"""RSA keys that somebody else can factor, told by their modulus alone.

ROCA: "The Return of Coppersmith's Attack" (CVE-2017-15361): the library's primes are powers of 65537 modulo
a product of small primes, and so is every modulus of two of them. Fermat: CVE-2022-26320, BR 6.1.1.3: two
primes so close to each other that the difference of two squares finds them in a hundred steps.
"""

import math

#: As many rounds as BR 6.1.1.3 asks for.
FERMAT_ROUNDS = 100

#: The small primes of the ROCA fingerprint.
_ROCA_PRIMES = tuple(
    number
    for number in range(3, 168)
    if all(number % divisor for divisor in range(2, math.isqrt(number) + 1))
)
_ROCA_PRODUCT = math.prod(_ROCA_PRIMES)
_SMALL_PRIMES = math.prod(
    number
    for number in range(2, 752)
    if all(number % divisor for divisor in range(2, math.isqrt(number) + 1))
)


def _powers_of_65537(prime: int) -> frozenset[int]:
    found, power = set[int](), 1
    while power not in found:
        found.add(power)
        power = power * 65537 % prime
    return frozenset(found)


#: (prime, the remainders that a vulnerable modulus may have); a prime that 65537 generates tells nothing.
_ROCA_REMAINDERS = tuple(
    (prime, powers)
    for prime, powers in ((prime, _powers_of_65537(prime)) for prime in _ROCA_PRIMES)
    if len(powers) < prime - 1
)
#: Squares end in one of these modulo 256: one step in six is looked at closely.
_SQUARES_MODULO_256 = frozenset(number * number % 256 for number in range(256))


def has_small_factor(modulus: int) -> bool:
    """Tell a modulus that a prime below 752 divides."""
    return math.gcd(modulus, _SMALL_PRIMES) != 1


def is_roca(modulus: int) -> bool:
    """Tell a modulus that has the fingerprint of the Infineon library; others have it once in 2^27."""
    rest = modulus % _ROCA_PRODUCT
    return all(rest % prime in powers for prime, powers in _ROCA_REMAINDERS)


def has_close_primes(modulus: int) -> bool:
    """Tell a modulus whose two primes Fermat's method finds at once, a square among them."""
    root = math.isqrt(modulus)
    if root * root == modulus:
        return True
    middle = root + 1
    difference = middle * middle - modulus
    for _ in range(FERMAT_ROUNDS):
        if difference & 255 in _SQUARES_MODULO_256:
            found = math.isqrt(difference)
            if found * found == difference:
                return True
        difference += 2 * middle + 1
        middle += 1
    return False
