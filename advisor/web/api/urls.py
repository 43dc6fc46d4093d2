from django.urls import path

from advisor.web.api import endpoints

app_name = "api"

urlpatterns = [
    path("decisions", endpoints.decisions, name="decisions"),
    path("decisions/<uuid:decision_id>", endpoints.show_decision_json, name="decision"),
    path("decisions/<uuid:decision_id>/report.<str:extension>", endpoints.report_of_decision, name="report"),
    path("decisions/<uuid:decision_id>/runs", endpoints.start_run_of_decision, name="start-run"),
    path("runs/<uuid:run_id>", endpoints.show_run_json, name="run"),
]
