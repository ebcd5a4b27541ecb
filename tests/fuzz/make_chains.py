#!/usr/bin/env python3
"""Makes the first seeds of certificate_fuzz: scripts with chains of many kinds, and the root that trust.h trusts.

Usage: make_chains.py FOLDER. Prints the root as PEM; its place is trust.h. Run once: the keys are thrown away, and the
fuzz target has a clock of its own, so that nothing expires. Needs python3-cryptography.
"""
# SPDX-License-Identifier: Apache-2.0
import datetime
import hashlib
import pathlib
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID, ObjectIdentifier

HOST = "mx.example.test"
SERVER = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])


def day(year, month=1):
    return datetime.datetime(year, month, 1, tzinfo=datetime.timezone.utc)


def name(*parts):
    oids = (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME, NameOID.COUNTRY_NAME)
    return x509.Name([x509.NameAttribute(oid, part) for oid, part in zip(oids, parts)])


def certificate(subject, key, issuer=None, signer=None, start=day(2000), end=day(2100), extensions=()):
    """One certificate; without an issuer it signs itself."""
    signer = signer or key
    builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer or subject).public_key(key.public_key())
               .serial_number(x509.random_serial_number()).not_valid_before(start).not_valid_after(end))
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    algorithm = None if isinstance(signer, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(signer, algorithm)


def der(made):
    return made.public_bytes(serialization.Encoding.DER)


def text(octets):
    return bytes([len(octets)]) + octets


def script(chain, reference=HOST, records=()):
    """As certificate_fuzz.cpp reads it: the name, records of five numbers and perhaps data, the chain."""
    out = text(reference.encode()) + bytes([len(records)])
    for usage, selector, matching, source, place, *data in records:
        out += bytes([usage, selector, matching, source, place]) + (text(data[0]) if data else b"")
    return out + b"".join(der(made) for made in chain)


def chains():
    """Yields a name, and the seed."""
    ca = ((x509.BasicConstraints(ca=True, path_length=None), True),)
    root_key, middle_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
    root = certificate(name("Fuzz Root"), root_key, extensions=ca)
    print(root.public_bytes(serialization.Encoding.PEM).decode(), end="")
    middle = certificate(name("Fuzz Intermediate", "Fuzz", "DE"), middle_key, root.subject, root_key, extensions=ca)
    names = x509.SubjectAlternativeName([x509.DNSName(HOST)])

    def leaf(subject=name(HOST), leaf_key=key, extensions=((names, False), (SERVER, False)), **dates):
        return certificate(subject, leaf_key, middle.subject, middle_key, extensions=extensions, **dates)

    good = leaf()
    yield "good", script([good, middle])
    yield "root-sent", script([good, middle, root])
    yield "order", script([good, root, middle])
    yield "missing", script([good])
    yield "twice", script([good, good, middle, middle])
    yield "expired", script([leaf(start=day(2010), end=day(2020)), middle])
    yield "future", script([leaf(start=day(2050)), middle])
    yield "no-san", script([leaf(extensions=((SERVER, False),)), middle])
    yield "other-name", script([good, middle], reference="other.example.test")
    yield "wildcard", script([leaf(extensions=((x509.SubjectAlternativeName([x509.DNSName("*.example.test")]), False),)),
                              middle])
    many = [x509.DNSName(f"h{i}.example.test") for i in range(20)] + [x509.RFC822Name("a@b.example"),
                                                                      x509.UniformResourceIdentifier("https://b.example")]
    yield "many-names", script([leaf(extensions=((x509.SubjectAlternativeName(many), False),)), middle])
    yield "self-signed", script([certificate(name(HOST), key, extensions=((names, False),))])
    stranger_key = ec.generate_private_key(ec.SECP256R1())
    stranger = certificate(name("Stranger"), stranger_key, extensions=ca)
    yield "stranger", script([certificate(name(HOST), key, stranger.subject, stranger_key, extensions=((names, False),)),
                              stranger])
    policy = x509.CertificatePolicies([x509.PolicyInformation(ObjectIdentifier("2.23.140.1.2.1"), None)])
    issuers = x509.AuthorityInformationAccess([x509.AccessDescription(
        AuthorityInformationAccessOID.CA_ISSUERS, x509.UniformResourceIdentifier("http://ca.example/i.der"))])
    yield "public", script([leaf(extensions=((names, False), (policy, False), (issuers, False)))])
    limits = x509.NameConstraints(permitted_subtrees=[x509.DNSName("elsewhere.test")], excluded_subtrees=None)
    limited = certificate(name("Limited"), stranger_key, root.subject, root_key, extensions=ca + ((limits, True),))
    yield "constrained", script([certificate(name(HOST), key, limited.subject, stranger_key,
                                             extensions=((names, False),)), limited])
    yield "client", script([leaf(extensions=((names, False), (x509.ExtendedKeyUsage(
        [ExtendedKeyUsageOID.CLIENT_AUTH]), True))), middle])
    yield "unknown-critical", script([leaf(extensions=((names, False), (x509.UnrecognizedExtension(
        ObjectIdentifier("1.2.3.4"), b"\x05\x00"), True))), middle])
    yield "ed25519", script([leaf(leaf_key=ed25519.Ed25519PrivateKey.generate()), middle])
    yield "rsa", script([leaf(leaf_key=rsa.generate_private_key(65537, 1024)), middle])
    yield "umlaut", script([leaf(subject=name("Bücher\n", "日本 ", "DE")), middle])
    for number, records in enumerate((((3, 1, 1, 1, 0),), ((3, 0, 2, 1, 0), (2, 0, 1, 1, 1)), ((2, 1, 1, 1, 1),),
                                      ((2, 0, 0, 2, 1), (3, 1, 0, 2, 0)), ((3, 1, 1, 0, 0, b"\0" * 32),),
                                      ((2, 0, 0, 0, 0, b"no certificate"), (1, 1, 1, 1, 0)))):
        yield f"tlsa-{number}", script([good, middle], records=records)
    yield "tlsa-name", script([good, middle], reference="other.example.test", records=((2, 0, 1, 1, 1),))
    pem = good.public_bytes(serialization.Encoding.PEM) + middle.public_bytes(serialization.Encoding.PEM)
    yield "pem", script([]) + pem


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for _, seed in chains():
        (folder / hashlib.sha1(seed).hexdigest()).write_bytes(seed)


if __name__ == "__main__":
    main()
