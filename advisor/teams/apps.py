from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed


class TeamsConfig(AppConfig):
    name = "advisor.teams"

    def ready(self) -> None:
        from advisor.teams.services import audit, sessions  # models are loaded by now

        user_logged_in.connect(sessions.begin_session, dispatch_uid="begin_session")
        user_logged_in.connect(audit.record_sign_in, dispatch_uid="record_sign_in")
        user_logged_out.connect(audit.record_sign_out, dispatch_uid="record_sign_out")
        user_login_failed.connect(audit.record_failed_sign_in, dispatch_uid="record_failed_sign_in")
