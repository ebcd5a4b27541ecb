#!/usr/bin/env python3
"""Do the manual page and the completions say what the program says? The completions are asked in a real bash and zsh."""
# SPDX-License-Identifier: Apache-2.0
import argparse
import os
import pathlib
import pty
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import unittest

PATIENCE = 30  # seconds until a shell has answered, on a busy machine


def run(*command):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)


class Program:
    """What --help lists. A command is a tuple of its words; () is what stands before any command."""

    def __init__(self, path):
        self.flags = {}
        self.choices = {}  # of a command: the words that a flag takes
        self.commands = {}
        pending = [()]
        while pending:
            command = pending.pop()
            options, *rest = re.split(r"(?im)^subcommands:$", run(path, *command, "--help").stdout)
            lines = re.findall(r"(?m)^  ((?:-[\w.-]+(?:, *)?)+)(?: (\S+))?", options)
            self.flags[command] = {flag for flags, _ in lines for flag in re.split(", *", flags)}
            self.choices[command] = {flag: set(kind.split("|")) for flag, kind in lines if re.fullmatch(r"[a-z|]+", kind)}
            self.commands[command] = set(re.findall(r"(?m)^  ([a-z]+)", "".join(rest)))
            pending += [(*command, word) for word in self.commands[command]]

    def leaves(self):
        """The commands that have no commands below them."""
        return {command for command, below in self.commands.items() if command and not below}

    def all_flags(self):
        return set().union(*self.flags.values())


class Manual(unittest.TestCase):
    GENERAL = {"-h", "--help", "--version"}  # they have a place of their own in the page
    OF_THIS_MACHINE = "referenced manual|mandoc.db|date in the future"  # its other manuals, its clock
    program = None
    source = None

    def setUp(self):
        self.path = self.source / "packaging/mtasts_exporter.8"
        page = self.path.read_text()
        self.sections = dict(re.findall(r"(?ms)^\.Sh ([^\n]+)\n(.*?)(?=^\.Sh|\Z)", page))

    @staticmethod
    def flags_in(text):
        return {"-" + flag for flag in re.findall(r"\bFl (-?[a-z][\w.-]*)", text)}

    @staticmethod
    def parts(section):
        """The subsections of a section, by name."""
        return dict(re.findall(r"(?ms)^\.Ss ([^\n]+)\n(.*?)(?=^\.Ss|\Z)", section))

    @staticmethod
    def tags(text):
        return re.findall(r"(?m)^\.It (.*)$", text)

    def test_synopsis(self):
        shown = {}
        for call in re.split(r"(?m)^\.Nm$", self.sections["SYNOPSIS"])[1:]:
            words = re.match(r"\n\.(?:Op )?Cm ([a-z ]+)\n", call)
            shown.setdefault(tuple(words[1].split()) if words else (), set()).update(self.flags_in(call))
        self.assertEqual(shown.pop(()), {"--help", "--version"})
        self.assertEqual(shown, {command: self.program.flags[command] - self.GENERAL for command in self.program.leaves()})

    def test_commands(self):
        parts = self.parts(self.sections["COMMANDS"])
        self.assertEqual(set(parts), self.program.commands[()])
        self.assertEqual(set(re.findall(r"(?m)^\.It Cm lint (\w+)", parts["lint"])), self.program.commands[("lint",)])

    def test_flags(self):
        parts = self.parts(self.sections["COMMANDS"])
        for command in self.program.leaves():
            with self.subTest(command=command):
                tags = "\n".join(self.tags(parts[command[0]]))
                self.assertEqual(self.flags_in(tags), self.program.flags[command] - self.GENERAL)
                choices = re.findall(r"Fl (\S+) Ns = Ns (Cm \w+(?: Ns \| Ns Cm \w+)+)", tags)
                shown = {f"-{flag}": set(re.findall(r"Cm (\w+)", words)) for flag, words in choices}
                self.assertEqual(shown, self.program.choices[command])
        general = self.tags(self.parts(self.sections["DESCRIPTION"])["General flags"])
        self.assertEqual(self.flags_in("\n".join(general)), self.GENERAL)

    def test_no_other_flag(self):
        self.assertLessEqual(self.flags_in("\n".join(self.sections.values())), self.program.all_flags())
        for command, rest in re.findall(r"mtasts_exporter ((?:[a-z]+ )*)(.*)", self.sections["EXAMPLES"]):
            known = self.program.flags.get(tuple(command.split()), set())
            self.assertLessEqual(set(re.findall(r"--[\w.-]+", rest)), known, f"mtasts_exporter {command}{rest}")
            self.assertIn(tuple(command.split()), self.program.leaves() | {()})

    def test_exit_status_of_every_command(self):
        tags = self.tags(self.sections["EXIT STATUS"])
        self.assertEqual({tag.split()[1] for tag in tags if tag.startswith("Cm ")}, self.program.commands[()])

    def test_sections_of_the_configuration(self):
        example = (self.source / "config.example.yaml").read_text()
        named = {word for tag in self.tags(self.sections["CONFIGURATION"]) for word in tag.replace(",", "").split()[1:]}
        self.assertEqual(named, set(re.findall(r"(?m)^(\w+):", example)))

    def test_documents_are_there(self):
        installed = "/usr/share/doc/mtasts_exporter/"
        named = re.findall(rf"{installed}(\S+)", "".join(self.sections.values()))
        named += [f"docs/{tag.split()[1]}" for tag in self.tags(self.sections["SEE ALSO"])]
        self.assertGreater(len(named), 10)
        for name in named:
            self.assertTrue((self.source / name).exists(), name)

    def test_tools_have_nothing_to_say(self):
        for command in (["mandoc", "-T", "lint"], ["groff", "-mdoc", "-z", "-Tutf8"]):
            if not shutil.which(command[0]):
                continue
            answer = run(*command, self.path)
            said = (answer.stdout + answer.stderr).splitlines()
            self.assertEqual([line for line in said if not re.search(self.OF_THIS_MACHINE, line)], [])


class Shell:
    """An interactive shell at a terminal, which writes down what it would offer and what became of the line."""

    def __init__(self, command, setup, folder):
        self.notes = pathlib.Path(folder) / "notes"
        self.notes.touch()
        environment = {"PATH": os.environ["PATH"], "TERM": "dumb", "LC_ALL": "C", "HOME": folder, "NOTES": str(self.notes)}
        terminal, end = pty.openpty()
        self.process = subprocess.Popen(command, stdin=end, stdout=end, stderr=end, cwd=folder, env=environment,
                                        start_new_session=True)
        os.close(end)
        self.terminal = terminal
        self.shown = b""
        self.drain = threading.Thread(target=self._drain)
        self.drain.start()
        script = pathlib.Path(folder) / "setup"
        script.write_text(setup + "\necho ready >>$NOTES\n")
        try:
            self._type(f". {script}\r")
            self._wait("ready")
        except BaseException:
            self.close()
            raise

    def _drain(self):
        try:
            while data := os.read(self.terminal, 4096):
                self.shown += data
        except OSError:  # the shell has ended
            pass

    def _type(self, text):
        os.write(self.terminal, text.encode())

    def _wait(self, mark):
        """The lines written before the mark."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            lines = self.notes.read_text().split("\n")
            if mark in lines:
                self.notes.write_text("")
                return lines[:lines.index(mark)]
            time.sleep(0.01)
        raise TimeoutError(f"no '{mark}' from the shell, which has shown:\n{self.shown.decode(errors='replace')}")

    def complete(self, line):
        """What is offered for the line, and the line as it is afterwards."""
        self._type(line + "\t")
        offered = self._wait("offered")
        self._type("\x18\x0c")  # Ctrl-X Ctrl-L
        after, = self._wait("line")
        self._type("\x05\x15")  # Ctrl-E Ctrl-U
        return {word.rstrip(" =") for word in offered if word}, after

    def close(self):
        self.process.kill()
        self.process.wait()
        self.drain.join()
        os.close(self.terminal)


BASH = """
PS1='$ '
unset HISTFILE
bind 'set completion-query-items 0' 'set bell-style none' 'set page-completions off'
note_line() { printf '%s\\n' "$READLINE_LINE" line >>$NOTES; }
bind -x '"\\C-x\\C-l": note_line'
note_offers() { _mtasts_exporter "$@"; printf '%s\\n' "${COMPREPLY[@]}" offered >>$NOTES; }
. FILE
complete -F note_offers mtasts_exporter
"""

ZSH = """
PS1='$ ' fpath=(FOLDER $fpath)
unset zle_bracketed_paste
setopt no_beep
autoload -U compinit && compinit -u -D
bindkey -e
note_line() { print -rl -- "$BUFFER" line >>$NOTES }
zle -N note_line && bindkey '^X^L' note_line
compadd() { # with -O, -A or -D it offers nothing
  local -a offers before=("${(@)@[1,(i)(-|--)]}")
  if (( ! $before[(I)-[a-zA-Z]#[OAD]] )); then
    builtin compadd -O offers "$@"
    print -rl -- $offers >>$NOTES
  fi
  builtin compadd "$@"
}
offer() { _main_complete "$@"; print offered >>$NOTES }
zle -C offer complete-word offer && bindkey '^I' offer
"""


class Completion:
    """What both shells have to do."""

    program = None
    source = None

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        home = pathlib.Path(self.folder.name)
        (home / "files/in side").mkdir(parents=True)
        for name in ("files/report.json", "files/in side/first report.json", "files/a:b=c.gz"):
            (home / name).touch()
        self.shell = self.start(self.folder.name)
        self.addCleanup(self.shell.close)

    def offers(self, line):
        return self.shell.complete("mtasts_exporter " + line)[0]

    def becomes(self, line):
        before = "mtasts_exporter "
        after = self.shell.complete(before + line)[1]
        self.assertTrue(after.startswith(before), after)
        return after.removeprefix(before)

    def test_commands(self):
        for command, below in self.program.commands.items():
            if below:
                self.assertEqual(self.offers(" ".join([*command, ""])), below)

    def test_flags(self):
        for command, flags in self.program.flags.items():
            self.assertEqual(self.offers(" ".join([*command, "-"])), flags, command)

    def test_choices(self):
        for command, choices in self.program.choices.items():
            for flag, words in choices.items():
                before = " ".join([*command, flag])
                self.assertEqual({word.removeprefix(f"{flag}=") for word in self.offers(f"{before}=")}, words, before)
                self.assertEqual(self.offers(f"{before} "), words, before)

    def test_lines(self):
        for typed, expected in (
                ("li", "lint "),
                ("lint p", "lint policy "),
                ("--log.level=d", "--log.level=debug "),
                ("--log.level d", "--log.level debug "),
                ("--web.listen-address=[::1]:9974 --log.format=l", "--web.listen-address=[::1]:9974 --log.format=logfmt "),
                ("--config.file=x.yaml ch", "--config.file=x.yaml check "),
                ("--config.file x.yaml --log.level debug ser", "--config.file x.yaml --log.level debug serve "),
                ("check --since 48h example.org --format=j", "check --since 48h example.org --format=json "),
                ("check --format=json --ro", "check --format=json --ro"),
                ("check --log.level=d", "check --log.level=d"),
                ("advise --ro", "advise --rollback "),
                ("advise --write files/in", "advise --write files/in\\ side/"),
                ("lint policy files/r", "lint policy files/report.json "),
                ("lint policy --format json files/r", "lint policy --format json files/report.json "),
                ("lint record files/r", "lint record files/r"),
                ("report files/in\\ side/", "report files/in\\ side/first\\ report.json "),
                ("report - files/report.json files/r", "report - files/report.json files/report.json "),
                ("ingest --config.file=files/rep", "ingest --config.file=files/report.json "),
                ("ingest --config.file=files/in", "ingest --config.file=files/in\\ side/"),
                ("--web.config.file=files/rep", "--web.config.file=files/report.json "),
                ("report 'files/in side/f", "report 'files/in side/first report.json' "),
                ("codes; mtasts_exporter li", "codes; mtasts_exporter lint "),
                ("report files/a\\:b\\=c.gz files/r", "report files/a\\:b\\=c.gz files/report.json "),
                ("advise --config.file=files/a:b=c.gz --ro", "advise --config.file=files/a:b=c.gz --rollback "),
                ("report -- --f", "report -- --f"),
                ("check examp", "check examp"),
        ):
            with self.subTest(typed=typed):
                self.assertEqual(self.becomes(typed), expected)


class BashCompletion(Completion, unittest.TestCase):
    breaks = ""

    def start(self, folder):
        setup = BASH.replace("FILE", str(self.source / "packaging/completion/mtasts_exporter.bash"))
        return Shell(["bash", "--norc", "--noprofile", "-i"], setup + self.breaks, folder)

    def test_directories_alone(self):  # zsh falls back to files
        self.assertEqual(self.becomes("advise --write=files/r"), "advise --write=files/r")


class BashCompletionUncut(BashCompletion):
    """With words that are not cut at "=" and ":", as some have it."""

    breaks = "COMP_WORDBREAKS=${COMP_WORDBREAKS//[=:]/}"


class ZshFile(unittest.TestCase):
    """What can be said without a zsh."""

    def test_flags_and_commands(self):
        text = (Completion.source / "packaging/completion/_mtasts_exporter").read_text()
        program = Completion.program
        self.assertEqual(text.split("\n")[0], "#compdef mtasts_exporter")
        self.assertEqual(set(re.findall(r"(?<![\w-])--?[a-z][\w.-]*(?=[\[=,}])", text)), program.all_flags())
        described = re.findall(r"""(?m)^  ['"]([a-z]+):""", text)
        self.assertEqual(sorted(described), sorted(word for below in program.commands.values() for word in below))


@unittest.skipUnless(shutil.which("zsh"), "no zsh here")
class ZshCompletion(Completion, unittest.TestCase):
    def start(self, folder):
        folder_of_ours = self.source / "packaging/completion"
        return Shell(["zsh", "-f", "-i"], ZSH.replace("FOLDER", str(folder_of_ours)), folder)


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--exporter", type=pathlib.Path, required=True)
    options.add_argument("--source", type=pathlib.Path, required=True)
    chosen, arguments = options.parse_known_args()
    Manual.program = Completion.program = Program(chosen.exporter)
    Manual.source = Completion.source = chosen.source.resolve()
    unittest.main(argv=[sys.argv[0], *arguments], verbosity=2)
