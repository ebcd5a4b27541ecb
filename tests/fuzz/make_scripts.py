#!/usr/bin/env python3
"""Makes the first seeds of the targets whose input is a script: server_fuzz and attachment_fuzz.

Usage: make_scripts.py FOLDER. Writes FOLDER/TARGET/NAME. The words are those of server_script.h and attachment_fuzz.cpp.
"""
# SPDX-License-Identifier: Apache-2.0
import itertools
import pathlib
import sys

TRACKS = ("sts", "tlsrpt", "mx", "policy_address", "host_address", "tlsa", "alias", "health", "https", "smtp", "http")
DNS_MOVES = ("records", "code", "silence", "raw", "stray", "txt", "exchange", "alias", "addresses", "truncated", "tlsa",
             "cut", "repeated")
TCP_MOVES = ("say", "pour", "listen", "start_tls", "raw", "end", "limit", "pieces", "corrupt", "usual")
ENDINGS = ("polite", "cut", "reset", "silence")
CERTIFICATES = 19  # kinds in server_peer.cpp, three times: each with another newest version of TLS
OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
POLICY = b"version: STSv1\nmode: testing\nmx: *.example.test\nmax_age: 86400\n"


def text(octets):
    assert len(octets) < 256, octets
    return bytes([len(octets)]) + octets


def act(track, move, number=0, octets=b""):
    place = TRACKS.index(track)
    moves = TCP_MOVES if place >= TRACKS.index("https") else DNS_MOVES
    return bytes([place, moves.index(move), number]) + text(octets)


def play(*actions, flags=0):
    return bytes([flags]) + b"".join(actions)


def ending(how):
    return bytes([ENDINGS.index(how)])


def dns_scripts():
    for track in TRACKS[:8]:
        yield f"{track}-servfail", play(act(track, "code", 2, b"\x16"), act(track, "code", 2), act(track, "code", 2))
        yield f"{track}-nxdomain", play(act(track, "code", 3))
        yield f"{track}-silence", play(act(track, "silence"), act(track, "silence"))
        yield f"{track}-alias", play(act(track, "alias", 0, b"elsewhere.example.test"))
    yield "sts-two", play(act("sts", "repeated", 2))
    yield "sts-text", play(act("sts", "txt", 0, b"v=STSv1; id=a b"))
    yield "sts-tcp", play(act("sts", "truncated"), act("sts", "txt", 0, b"v=STSv1; id=tcp;"))
    yield "sts-stray", play(act("sts", "stray", 0, b"\0\1\x81\x80"), act("sts", "cut", 30), act("sts", "cut", 11))
    yield "sts-raw", play(act("sts", "raw", 0, b"\x81\x80\0\0\0\1\0\0\0\0\xc0\x0c\0\x10\0\1\0\0\0\1\0\1\0"))
    yield "sts-records", play(act("sts", "records", 1, b"\xc0\x0c\0\x10\0\1\0\0\1,\0\x05\x04v=ST"))
    yield "mx-null", play(act("mx", "exchange", 0, b""))
    yield "mx-other", play(act("mx", "exchange", 7, b"backup.example.net"))
    yield "mx-many", play(act("mx", "repeated", 60))
    yield "host-addresses", play(act("host_address", "addresses", 0, b"\x0a\0\0\1\xc0\0\2\1\x08\x08\x08\x08"))
    yield "no-dns", play(*(act(track, "silence") for track in TRACKS[:8] for _ in range(3)))
    yield "nobody", play(flags=2 + 4 + 8)
    yield "unsigned", play(flags=1)
    yield "tlsa-leaf", play(act("tlsa", "tlsa", 3 * 25 + 5 + 1, b"\x11" * 32))
    yield "tlsa-anchor", play(act("tlsa", "tlsa", 2 * 25 + 2, b"\x22" * 64))
    yield "tlsa-odd", play(act("tlsa", "tlsa", 4 * 25 + 15 + 3, b"x"))
    yield "tlsa-alias", play(act("host_address", "alias", 0, b"real.example.test"), act("tlsa", "code", 3),
                             act("alias", "alias", 0, b"real.example.test"), act("tlsa", "tlsa", 81, b"\x11" * 32))


def https_scripts():
    for number in range(CERTIFICATES * 3):
        yield f"https-certificate-{number}", play(act("https", "start_tls", number))
    for status in (b"204 No Content", b"301 Moved\r\nLocation: https://x.example/", b"404 Not Found", b"999 x"):
        yield f"https-{status[:3].decode()}", play(act("https", "say", 0, b"HTTP/1.1 " + status + b"\r\n\r\n"))
    for name, octets in (("length", OK + b"Content-Length: %d\r\n\r\n" % len(POLICY) + POLICY),
                         ("chunks", OK + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\nA: b\r\n\r\n"
                          % (len(POLICY), POLICY)),
                         ("to-the-end", OK + b"\r\n" + POLICY),
                         ("interim", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK + b"Content-Length: 0\r\n\r\n"),
                         ("html", b"HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n<html>")):
        for how in ENDINGS:
            yield f"https-{name}-{how}", play(act("https", "say", 0, octets), act("https", "end", ENDINGS.index(how)))
    yield "https-too-much", play(act("https", "say", 0, OK + b"\r\n"), act("https", "pour", 9, b"x" * 200))
    yield "https-endless-chunk", play(act("https", "say", 0, OK + b"Transfer-Encoding: chunked\r\n\r\n1;"),
                                      act("https", "pour", 255, b"a"))
    yield "https-no-tls", play(act("https", "raw", 0, b"HTTP/1.1 400 Bad Request\r\n\r\n"), act("https", "end", 0))
    for octets, how in itertools.product((0, 1, 5, 60, 127, 200), ENDINGS):
        yield f"https-limit-{octets}-{how}", play(act("https", "limit", octets, ending(how)))
    for octets in (0, 3, 5, 9, 43, 100, 200):
        yield f"https-corrupt-{octets}", play(act("https", "corrupt", octets, b"\x40"))
    yield "https-pieces", play(act("https", "pieces", 1))


def smtp_scripts():
    for number in range(CERTIFICATES * 3):
        yield f"smtp-certificate-{number}", play(
            act("smtp", "say", 0, b"220 mx\r\n"), act("smtp", "listen"), act("smtp", "say", 0, b"250-mx\r\n250 STARTTLS\r\n"),
            act("smtp", "listen"), act("smtp", "say", 0, b"220 go\r\n"), act("smtp", "start_tls", number))
    for name, octets in (("busy", b"421 4.3.2 later\r\n"), ("refused", b"554-no\r\n554 really\r\n"), ("odd", b"hello\r\n"),
                         ("slow", b"220-wait\r\n"), ("nul", b"220 \0\xff\r\n"), ("short", b"220\n")):
        yield f"smtp-greeting-{name}", play(act("smtp", "say", 0, octets), act("smtp", "end", 1))
    yield "smtp-plain", play(act("smtp", "say", 0, b"220 mx\r\n"), act("smtp", "listen"), act("smtp", "say", 0, b"250 mx\r\n"))
    yield "smtp-helo", play(act("smtp", "say", 0, b"220 mx\r\n"), act("smtp", "listen"), act("smtp", "say", 0, b"500 ?\r\n"))
    yield "smtp-all-at-once", play(act("smtp", "say", 0, b"220 mx\r\n250-mx\r\n250 STARTTLS\r\n220 go\r\n250 injected\r\n"))
    yield "smtp-flood", play(act("smtp", "pour", 255, b"220-x\r\n"))
    yield "smtp-long-line", play(act("smtp", "pour", 9, b"220 x"))
    for octets, how in itertools.product((0, 1, 27, 28, 60, 100, 120), ENDINGS):
        yield f"smtp-limit-{octets}-{how}", play(act("smtp", "limit", octets, ending(how)))
    yield "smtp-pieces", play(act("smtp", "pieces", 1))
    yield "smtp-corrupt", play(act("smtp", "corrupt", 120, b"\xff"))
    yield "http-policy", play(act("http", "say", 0, OK + b"\r\n" + POLICY))
    yield "http-silence", play(act("http", "end", 3))


def part(form, kind, octets, packed=b"", type_number=0):
    more = text(packed) if kind & 4 else b""
    return bytes([form, kind]) + len(octets).to_bytes(2, "big") + octets + more + bytes([type_number])


def mails():
    report = b'{"organization-name":"S","report-id":"1","date-range":{"start-datetime":"2026-01-01","end-datetime":' \
             b'"2026-01-02T00:00:00Z"},"policies":[{"policy":{"policy-type":"sts","policy-string":["a"],"policy-domain":' \
             b'"example.org","mx-host":["mx"]},"summary":{"total-successful-session-count":1,' \
             b'"total-failure-session-count":2},"failure-details":[{"result-type":"certificate-expired",' \
             b'"failed-session-count":2,"receiving-ip":"192.0.2.1"}]}]}'
    for form, kind in itertools.product(range(4), range(8)):
        yield f"part-{form}-{kind}", b"\0" + part(form, kind, b"id" if kind & 1 else report, b" \n")
    yield "four", b"\3" + b"".join(part(form, 3, b"%d" % form, type_number=form) for form in range(4))
    yield "twice-packed", b"\0" + part(0, 6, report, report[:200], 1)
    yield "nothing", b"\0" + part(2, 0, b"")


def main():
    folder = pathlib.Path(sys.argv[1])
    for target, seeds in (("server_fuzz", itertools.chain(dns_scripts(), https_scripts(), smtp_scripts())),
                          ("attachment_fuzz", mails())):
        (folder / target).mkdir(parents=True, exist_ok=True)
        for name, seed in seeds:
            (folder / target / name).write_bytes(seed)


if __name__ == "__main__":
    main()
