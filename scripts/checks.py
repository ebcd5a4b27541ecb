#!/usr/bin/env python3
"""Text checks that no compiler makes: who may include what, headers' opening lines, licences, co_await statements.

Usage: scripts/checks.py [ROOT]. Prints one line per violation; exit status 1 when there is any.
"""
# SPDX-License-Identifier: Apache-2.0
import pathlib
import re
import sys

SOURCE_FOLDERS = ("probes", "exporter", "tests", "cmake", "scripts", "packaging", ".ci")
SOURCE_SUFFIXES = {".h", ".cpp", ".py", ".sh", ".cmake", ".txt", ".service", ".mustache", ".css", ".mjs", ".8", ".bash"}
SPDX = "SPDX-License-Identifier: Apache-2.0"

# (include prefix, files that may include it): each library has one door. Paths are matched from the root.
DOORS = (
    ("openssl/", r"probes/net/(tls_\w+|certificate_\w+|dane_check|sha256)\.(h|cpp)|exporter/(web_tls|web_config)\.cpp|tests/.*"),
    ("ldns/", r"probes/net/dns_message\.cpp|tests/.*"),
    ("unbound.h", r"probes/net/dns_validator\.cpp"),
    ("libpsl.h", r"probes/core/public_suffix\.cpp"),
    ("yaml-cpp/", r"exporter/(config|web_config|yaml)\w*\.(h|cpp)|tests/.*"),
    ("prometheus/", r"exporter/metrics\w*\.(h|cpp)|tests/.*"),
    ("spdlog/", r"exporter/log\w*\.(h|cpp)|tests/.*"),
    ("soci/", r"exporter/\w*store\w*\.(h|cpp)|tests/.*"),
    ("libpq-fe.h", r"exporter/postgresql_url\.cpp"),
    ("gmime/", r"exporter/report_mail\.cpp"),
    ("curl/", r"exporter/imap_connection\.cpp"),
    ("kainjow/", r"exporter/page_template\.cpp"),
    ("zlib.h", r"exporter/(gunzip|gzip_stream|deflate_zlib)\.cpp|tests/.*"),
    ("isa-l/", r"exporter/deflate_isal\.cpp"),
    ("CLI/", r"exporter/\w+\.cpp|tests/.*"),
    ("boost/json", r"probes/core/bounded_json\.cpp|exporter/.*|tests/.*"),
    ("boost/asio", r"probes/net/.*|exporter/.*|tests/.*"),
    ("boost/beast", r"probes/net/.*|exporter/.*|tests/.*"),
    ("exporter/", r"exporter/.*|tests/.*"),
    ("probes/net/", r"probes/net/.*|exporter/.*|tests/.*"),
    ("tests/", r"tests/.*"),
)


def sources(root):
    """Every text file of ours below root, sorted, as paths relative to it."""
    for folder in SOURCE_FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.is_file() and (path.suffix in SOURCE_SUFFIXES or path.parent.name in (".ci", "completion")):
                if not {"data", "node_modules"} & set(path.relative_to(root).parts):
                    yield path.relative_to(root)


def check_licence(path, text):
    if SPDX not in text[:1500]:
        yield f"{path}:1: no line '{SPDX}'"


def check_header(path, text):
    """A header opens with what it is for and where to read on."""
    if path.suffix != ".h":
        return
    opening = []
    for line in text.splitlines():
        if not line.startswith("//"):
            break
        opening.append(line)
    if len(opening) < 2 or "Next:" not in " ".join(opening):
        yield f"{path}:1: a header opens with two lines: what it is for, and 'Next:' where to read on"
    if "#pragma once" not in text:
        yield f"{path}:1: no #pragma once"


def check_includes(path, text):
    for number, line in enumerate(text.splitlines(), 1):
        match = re.match(r'\s*#\s*include\s*[<"]([^>"]+)[>"]', line)
        if not match:
            continue
        for prefix, allowed in DOORS:
            if match[1].startswith(prefix) and not re.fullmatch(allowed, path.as_posix()):
                yield f"{path}:{number}: may not include {match[1]}"


def blank_out(text):
    """The code with comments, strings and character literals replaced by blanks, line breaks kept."""
    pattern = r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|(?<![0-9A-Fa-f])\'(?:\\.|[^\'\\\n])+\''
    return re.sub(pattern, lambda m: re.sub(r"[^\n]", " ", m[0]), text, flags=re.DOTALL)


def opens_block(code, brace):
    """Is the `{` at this offset the start of a block (a body), as opposed to a braced initialiser?"""
    before = code[:brace].rstrip()
    if not before or before[-1] in ");{}:":
        return True
    if re.search(r"\b(else|do|try|noexcept|mutable|const|override|final)$", before):
        return True
    head = re.split(r"[;{}]", before)[-1]
    return bool(re.search(r"->\s*[\w:<>,\s*&]+$", head) or re.search(r"\b(struct|class|enum|namespace)\b[^;=()]*$", head))


def statement_start(code, offset):
    """Walks back from a co_await to the start of its statement. Returns (start, brace): brace is the offset of a braced
    initialiser that encloses the co_await, or None."""
    depth = 0
    for index in range(offset - 1, -1, -1):
        char = code[index]
        if char in ")]}":
            if char == "}" and depth == 0:
                return index + 1, None
            depth += 1
        elif char in "([{":
            if depth:
                depth -= 1
            elif char == "{":
                return index + 1, (None if opens_block(code, index) else index)
        elif char == ";" and depth == 0:
            return index + 1, None
    return 0, None


def statement_text(code, start):
    """The statement from start up to its `;`, or up to the block that follows it."""
    depth = 0
    for index in range(start, len(code)):
        char = code[index]
        if char == "{" and depth == 0 and opens_block(code, index):
            return code[start:index]
        if char in "([{":
            depth += 1
        elif char in ")]}":
            depth -= 1
        if depth < 0 or (char == ";" and depth == 0):
            return code[start:index]
    return code[start:]


def check_co_await(path, text):
    """GCC 12 destroys some temporaries twice in one statement with co_await: neither `{` nor `?:` may stand in it."""
    if path.suffix not in (".h", ".cpp"):
        return
    code = blank_out(text)
    for match in re.finditer(r"\bco_await\b", code):
        number = code.count("\n", 0, match.start()) + 1
        start, enclosing = statement_start(code, match.start())
        statement = statement_text(code, start)
        if enclosing is not None or "{" in statement:
            yield f"{path}:{number}: a brace or lambda in a statement with co_await; name the value in a statement before"
        elif "?" in statement:
            yield f"{path}:{number}: a conditional operator in a statement with co_await; name the value in a statement before"


def check_escaping(path, text):
    """What a template shows is escaped: `{{{x}}}`, `{{&x}}` and other delimiters, which could hide them, may not be."""
    if path.suffix != ".mustache":
        return
    for number, line in enumerate(text.splitlines(), 1):
        if re.search(r"\{\{\s*[{&=]", line):
            yield f"{path}:{number}: only {{{{x}}}} escapes what it shows"


CHECKS = (check_licence, check_header, check_includes, check_co_await, check_escaping)


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parent.parent)
    problems = []
    for path in sources(root):
        text = (root / path).read_text(encoding="utf-8")
        for check in CHECKS:
            problems.extend(check(path, text))
    print("\n".join(problems) or "text checks: nothing to say")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
