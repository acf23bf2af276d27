"""The Look dock: what it reports about maps."""


def test_an_empty_map_is_reported_with_its_reason(viewer, docks, session, trained, idle, notices):
    look = docks["Look"]
    session.set_penalty(0.01)
    look.show_map()
    idle()
    assert not notices
    session.set_penalty(1.0)
    session.set_latent(0)
    look.show_map()
    idle()
    assert notices.pop().startswith("warning: The driver map of latent 0 is empty: no link leads to this latent.")
    look.subject.setCurrentIndex(look.subject.findData("whole"))
    look.show_map()
    idle()
    assert "the VAR has no links" in notices.pop()


def test_what_cannot_be_clicked_has_a_reason(docks, session, movie, fit):
    look = docks["Look"]
    for part in (look.map_button, *look.views.values()):
        assert not part.isEnabled()
        assert "Train dock" in part.toolTip()
    session.use_fit(fit, fit.encode(movie))
    assert look.map_button.isEnabled()
    assert "zero is transparent" in look.map_button.toolTip()
