from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in


class TeamsConfig(AppConfig):
    name = "advisor.teams"

    def ready(self) -> None:
        from advisor.teams.services.sessions import begin_session  # models are loaded by now

        user_logged_in.connect(begin_session, dispatch_uid="begin_session")
