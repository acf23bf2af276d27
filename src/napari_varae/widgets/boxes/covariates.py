"""The choice of the behaviour that is regressed out before a comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annotated_types import Ge
from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from napari_varae.widgets.parts.complaints import complaint
from napari_varae.widgets.parts.number_field import NumberField
from napari_varae.widgets.parts.panel import narrow_choice, row
from napari_varae.widgets.parts.text import in_words

if TYPE_CHECKING:
    from napari_varae.widgets.parts.panel import Panel

__all__ = ["CovariatesBox"]

TIP = (
    "Behaviour that drives the latents, such as running, becomes a regressor of the VAR in A and in B, so that "
    "differences in behaviour are not taken for differences in dynamics"
)
LAGS_TIP = (
    "How many frames before each one count as well: calcium signals follow behaviour with a delay, and outlast it. "
    "Each adds one regressor per trace"
)


class CovariatesBox(QWidget):
    """A drop-down of the traces of behaviour, and their lags; hidden while there are none."""

    def __init__(self, panel: Panel) -> None:
        super().__init__()
        self._session = panel.session
        self.choice = narrow_choice()
        self.choice.setAccessibleName("Regress out")
        self.choice.setToolTip(TIP)
        self.choice.activated.connect(self._choose)
        self.lags, self._label = NumberField(int, [Ge(0)]), QLabel("lags")
        self.lags.setAccessibleName("Frames before each one that count as well")
        self.lags.setToolTip(LAGS_TIP)
        self.lags.set_value(0)
        wrong = complaint(self.lags)
        self.lags.changed.connect(self._choose)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(row("Regress out", self.choice, self._label, self.lags, stretch=1))
        layout.addWidget(wrong)
        for signal in (self._session.behaviour_changed, self._session.covariates_changed):
            panel.listen(signal, self._show)
        self._show()

    def _choose(self) -> None:
        with in_words():
            self._session.set_covariates(self.choice.currentData(), self.lags.value_within())

    def _show(self) -> None:
        behaviour = self._session.behaviour
        names = () if behaviour is None else behaviour.names
        with QSignalBlocker(self.choice), QSignalBlocker(self.lags):
            self.choice.clear()
            self.choice.addItem("nothing", ())
            for name in names:
                self.choice.addItem(name, (name,))
            if len(names) > 1:
                self.choice.addItem("all traces", names)
            chosen = self._session.covariates
            if chosen and chosen not in [self.choice.itemData(i) for i in range(self.choice.count())]:
                self.choice.addItem(", ".join(chosen), chosen)  # some of them, chosen by a script
            found = [i for i in range(self.choice.count()) if self.choice.itemData(i) == chosen]
            self.choice.setCurrentIndex(found[0] if found else 0)
            if chosen:
                self.lags.set_value(self._session.covariate_lags)
        for widget in (self._label, self.lags):
            widget.setEnabled(bool(chosen))
        self.setVisible(bool(names))
