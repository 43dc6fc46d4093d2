"""Addresses of the pages."""

from django.contrib.auth import views as auth
from django.urls import path

from advisor.web.views import (
    answers,
    answers_file,
    comments,
    decisions,
    exports,
    handbook,
    home,
    library,
    revisions,
    runs,
    signing,
)

urlpatterns = [
    path("", home.home, name="home"),
    path("handbook", handbook.handbook, name="handbook"),
    path("library", library.show, name="library"),
    path("library/<slug:kind>/new", library.edit, name="new-library-entry"),
    path("library/<slug:kind>/<slug:name>", library.edit, name="library-entry"),
    path("library/<slug:kind>/<slug:name>/hide", library.hide, name="hide-library-entry"),
    path("library/<slug:kind>/<slug:name>/reset", library.reset, name="reset-library-entry"),
    path("decisions/new", decisions.new, name="new-decision"),
    path("decisions/<uuid:decision_id>", decisions.show, name="decision"),
    path("decisions/<uuid:decision_id>/advice", decisions.advice, name="advice"),
    path("decisions/<uuid:decision_id>/answers", answers.save, name="save-answers"),
    path("decisions/<uuid:decision_id>/answers/undo", answers.step, {"direction": "undo"}, name="undo-answers"),
    path("decisions/<uuid:decision_id>/answers/redo", answers.step, {"direction": "redo"}, name="redo-answers"),
    path("decisions/<uuid:decision_id>/answers/file", answers_file.replace, name="replace-answers"),
    path("decisions/<uuid:decision_id>/answers.<str:extension>", answers_file.download, name="answers-file"),
    path("decisions/<uuid:decision_id>/trace", answers.upload, name="upload-trace"),
    path("decisions/<uuid:decision_id>/trace/forget", answers.forget_trace, name="forget-trace"),
    path("decisions/<uuid:decision_id>/simulate", answers.simulate, name="simulate"),
    path("decisions/<uuid:decision_id>/status", decisions.status, name="decision-status"),
    path("decisions/<uuid:decision_id>/delete", decisions.delete, name="delete-decision"),
    path("decisions/<uuid:decision_id>/revisions", revisions.index, name="revisions"),
    path("decisions/<uuid:decision_id>/revisions/compare", revisions.compare, name="compare-revisions"),
    path("decisions/<uuid:decision_id>/revisions/<int:number>", revisions.show, name="revision"),
    path("decisions/<uuid:decision_id>/comments", comments.show, name="comments"),
    path("decisions/<uuid:decision_id>/comments/add", comments.add, name="add-comment"),
    path("decisions/<uuid:decision_id>/comments/<uuid:comment_id>/delete", comments.delete, name="delete-comment"),
    path("decisions/<uuid:decision_id>/report.<str:extension>", exports.report, name="report"),
    path("runs/<uuid:run_id>", runs.show, name="run"),
    path("runs/<uuid:run_id>/progress", runs.progress, name="run-progress"),
    path("runs/<uuid:run_id>/cancel", runs.cancel, name="cancel-run"),
    path("runs/<uuid:run_id>/charts", runs.charts, name="run-charts"),
    path("accounts/login/", signing.SignIn.as_view(), name="login"),
    path("accounts/logout/", auth.LogoutView.as_view(next_page="home"), name="logout"),
]
