"""The choice of the behaviour that is regressed out before a comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QHBoxLayout, QLabel, QWidget

from napari_varae.widgets.parts.panel import narrow_choice
from napari_varae.widgets.parts.text import in_words

if TYPE_CHECKING:
    from napari_varae.widgets.parts.panel import Panel

__all__ = ["CovariatesBox"]

TIP = (
    "Behaviour that drives the latents, such as running, becomes a regressor of the VAR in A and in B, so that "
    "differences in behaviour are not taken for differences in dynamics"
)


class CovariatesBox(QWidget):
    """A drop-down of the traces of behaviour; hidden while there are none."""

    def __init__(self, panel: Panel) -> None:
        super().__init__()
        self._session = panel.session
        self.choice = narrow_choice()
        self.choice.setAccessibleName("Regress out")
        self.choice.setToolTip(TIP)
        self.choice.activated.connect(self._choose)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(QLabel("Regress out"))
        layout.addWidget(self.choice, 1)
        for signal in (self._session.behaviour_changed, self._session.covariates_changed):
            panel.listen(signal, self._show)
        self._show()

    def _choose(self) -> None:
        with in_words():
            self._session.set_covariates(self.choice.currentData())

    def _show(self) -> None:
        behaviour = self._session.behaviour
        names = () if behaviour is None else behaviour.names
        with QSignalBlocker(self.choice):
            self.choice.clear()
            self.choice.addItem("nothing", ())
            for name in names:
                self.choice.addItem(name, (name,))
            if len(names) > 1:
                self.choice.addItem("all traces", names)
            found = [i for i in range(self.choice.count()) if self.choice.itemData(i) == self._session.covariates]
            self.choice.setCurrentIndex(found[0] if found else 0)
        self.setVisible(bool(names))
