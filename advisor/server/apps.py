from django.apps import AppConfig


class ServerConfig(AppConfig):
    name = "advisor.server"
