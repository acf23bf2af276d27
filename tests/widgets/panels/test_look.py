"""The Look dock: what it reports about maps."""

from napari_varae.session.results import Edge


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


def test_the_dock_names_the_latent_or_the_link_of_the_map(docks, session, trained):
    look = docks["Look"]
    assert look.which.currentWidget() not in (look.latent, look.link)
    assert look.which_name.text() == ""
    session.set_latent(2)
    assert (look.which.currentWidget(), look.which_name.text(), look.latent.value()) == (look.latent, "Latent", 2)
    look.subject.setCurrentIndex(look.subject.findData("edge"))
    assert look.link.text() == "none chosen: click one in the Links dock"
    session.set_edge(Edge(1, 3, 0))
    assert (look.which.currentWidget(), look.which_name.text()) == (look.link, "Link")
    assert look.link.text() == str(Edge(1, 3, 0))
