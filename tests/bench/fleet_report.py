"""Figures, each in a line with its bar and whether it is met. Next: fleet.py fills it."""
# SPDX-License-Identifier: Apache-2.0
import dataclasses
from typing import Optional


@dataclasses.dataclass(frozen=True)
class Figure:
    name: str
    value: float
    unit: str
    bar: Optional[float]  # the most that is good
    form: str

    @property
    def met(self):
        return self.bar is None or self.value <= self.bar

    def cells(self):
        """The value, the bar, and the verdict."""
        value = f"{self.value:{self.form}} {self.unit}".strip()
        if self.bar is None:
            return value, "", ""
        return value, f"{self.bar:g} {self.unit}".strip(), "met" if self.met else "MISSED"


class Report:
    def __init__(self):
        self.figures = []

    def add(self, name, value, unit, bar=None, form=".1f"):
        self.figures.append(Figure(name, value, unit, bar, form))

    def __str__(self):
        width = max(len(figure.name) for figure in self.figures)
        lines = [f"{'':{width}}  {'measured':>12}  {'at most':>9}"]
        for figure in self.figures:
            value, bar, verdict = figure.cells()
            lines.append(f"{figure.name:{width}}  {value:>12}  {bar:>9}  {verdict}".rstrip())
        return "\n".join(lines)
