"""The state strip of every dock: movie, model, device, and the job that runs, with its controls."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QPushButton, QWidget
from superqt import QElidingLabel

from napari_varae.figures.colours import CAUTION_COLOUR
from napari_varae.session.time_left import describe_left
from napari_varae.widgets.parts.docks import show_dock
from napari_varae.widgets.parts.help import help_button
from napari_varae.widgets.parts.text import literal, note

if TYPE_CHECKING:
    from napari_varae.session.session import Session
    from napari_varae.widgets.parts.panel import Panel

__all__ = ["JobLine", "StateStrip", "describe_job"]

NAMES = ("Movie", "Model", "Device", "Job")
LINE_HEIGHT = 22
"""Pixels of the line of the job and its buttons."""


class StateStrip(QFrame):
    """Lines at the top of a dock: movie, model, device and why that device, job, and a caution when there is one."""

    def __init__(self, panel: Panel, margin: int) -> None:
        super().__init__()
        self._session = panel.session
        layout = QGridLayout(self)
        layout.setContentsMargins(margin, 6, margin, 6)
        layout.setHorizontalSpacing(8)
        layout.setVerticalSpacing(1)
        layout.setColumnStretch(1, 1)
        self.lines = [_line() for _ in range(3)]
        self.job = JobLine(panel)
        for i, (name, line) in enumerate(zip(NAMES, (*self.lines, self.job), strict=True)):
            title = QLabel(name)
            title.setStyleSheet("font-weight: bold")
            layout.addWidget(title, i, 0)
            layout.addWidget(line, i, 1, 1, 2 if i else 1)  # the tools of the dock stand beside the first alone
        self.help = help_button(panel)
        corner = QHBoxLayout()
        corner.setSpacing(4)
        for tool in (*panel.tools(), self.help):
            corner.addWidget(tool)
        layout.addLayout(corner, 0, 2)
        self.caution = note()
        self.caution.setObjectName("caution")
        self.caution.setStyleSheet(f"background: {CAUTION_COLOUR}; color: black; padding: 4px; border-radius: 3px;")
        layout.addWidget(self.caution, len(NAMES), 0, 1, 3)
        for signal in (self._session.movie_changed, self._session.fit_changed, self._session.device_changed):
            panel.mirror(signal, self._show)
        self._show()

    def _show(self) -> None:
        texts = (self._session.movie_text, self._session.model_text, self._session.device)
        for line, text in zip(self.lines, texts, strict=True):
            _set_text(line, text)
        self.caution.setText(f"⚠ {self._session.caution}")
        self.caution.setVisible(self._session.caution is not None)


class JobLine(QWidget):
    """The running job in one line, with buttons to pause it, to stop it, and to open the dock that shows more of it."""

    def __init__(self, panel: Panel, *, brief: bool = False) -> None:
        super().__init__()
        self._panel, self._session, self._brief = panel, panel.session, brief
        self.text = _line()
        self.pause = _tool("Pause", self._pause_or_resume)
        self.stop = _tool("Stop", self._stop)
        self.show_button = _tool("Show", self._open)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.text, 1)
        self.setFixedHeight(LINE_HEIGHT)  # also without buttons, so that nothing below it moves when a job begins
        for tool in (self.pause, self.stop, self.show_button):
            layout.addWidget(tool)
        if brief:  # the only line of its dock
            for tool_of_dock in (*panel.tools(), help_button(panel)):
                layout.addWidget(tool_of_dock)
        for signal in (self._session.job_changed, self._session.progressed, self._session.reported):
            panel.mirror(signal, self._show)
        self._show()

    def _pause_or_resume(self) -> None:
        if self._session.job == "paused":
            self._session.resume()
        else:
            self._session.pause()

    def _stop(self) -> None:
        """Keep what a training or a comparison has so far; the second time, or where a part is of no use, nothing."""
        progress = self._session.progress
        first = self._session.job != "stopping"
        self._session.stop(keep=first and progress is not None and progress.task in ("training", "comparing"))

    def _open(self) -> None:
        if self._session.progress is not None and self._session.progress.dock:
            show_dock(self._panel.viewer, self._panel.kinds[self._session.progress.dock])

    def _show(self) -> None:
        job, progress = self._session.job, self._session.progress
        whole = describe_job(self._session)
        _set_text(self.text, _brief(self._session) if self._brief else whole, tip=whole)
        self.pause.setVisible(job in ("training", "paused"))
        self.pause.setText("Resume" if job == "paused" else "Pause")
        self.stop.setVisible(job != "idle")
        self.stop.setEnabled(job != "stopping" or self._session.keeps)  # the tooltip reports that it is being stopped
        self.stop.setText("Stop now" if job == "stopping" else "Stop")
        self.stop.setToolTip(_stop_tip(self._session))
        self.show_button.setVisible(progress is not None and progress.dock not in ("", self._panel.dock))
        if progress is not None:
            self.show_button.setToolTip(f"Open the {progress.dock} dock, which shows this job")


def describe_job(session: Session) -> str:
    """Give the running job, its phase and how far it is, in one line."""
    job, progress, history = session.job, session.progress, session.history
    if progress is None:
        return "none running"
    text = str(progress)
    if progress.task == "training" and job != "stopping" and not (progress.phase and progress.done):
        if history:  # else it is prepared; with steps, the latents of the whole movie are found
            text = f"{progress.title}: epoch {history[-1].epoch} of {history[-1].epochs}"
        left = describe_left(history, session.expected, session.spent)
        text += f", {left}" if left else ""
    return {"paused": f"Paused. {text}", "stopping": f"Stopping. {text}"}.get(job, text)


def _brief(session: Session) -> str:
    """Give the running job in a few characters."""
    progress, history = session.progress, session.history
    if progress is None:
        return "none running"
    if progress.total:
        return f"{progress.done}/{progress.total}"
    if progress.task == "training" and history:
        return f"{history[-1].epoch}/{history[-1].epochs}"
    return progress.title


def _stop_tip(session: Session) -> str:
    """Explain what stopping means for the job that runs."""
    progress = session.progress
    if session.job == "stopping":
        return "Keep nothing of this job"
    if progress is not None and progress.task == "training":
        return "Keep the best epoch so far"
    if progress is not None and progress.task == "comparing":
        return "Keep the answer that the resamples made so far give"
    return "Stop within a second; nothing changes"


def _line() -> QElidingLabel:
    line = QElidingLabel()
    line.setTextFormat(Qt.TextFormat.PlainText)
    return line


def _set_text(line: QElidingLabel, text: str, *, tip: str = "") -> None:
    line.setText(text)
    line.setToolTip(literal(tip or text))


def _tool(text: str, slot: Callable[[], object]) -> QPushButton:
    """Make a small button."""
    tool = QPushButton()
    tool.setText(text)
    tool.setMaximumHeight(LINE_HEIGHT)
    tool.setStyleSheet("padding: 1px 5px; margin: 0")
    tool.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    tool.clicked.connect(lambda _checked: slot())
    return tool
