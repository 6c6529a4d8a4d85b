"""What has to be listening from the start."""

from django.apps import AppConfig
from django.contrib.auth import signals
from django.db.models.signals import post_migrate


class StaffConfig(AppConfig):
    """Staff, their roles and what they did."""

    name = "quizarena.staff"

    def ready(self) -> None:
        """Keep guards and roles in step with every migration, and note who comes and goes."""
        from quizarena.staff import audit, guards, navigation, roles

        navigation.name_pages()
        post_migrate.connect(guards.stay_on, dispatch_uid="guards.stay_on")
        post_migrate.connect(roles.keep_in_step, dispatch_uid="roles.keep_in_step")
        signals.user_logged_in.connect(audit.logged_in, dispatch_uid="audit.logged_in")
        signals.user_logged_out.connect(audit.logged_out, dispatch_uid="audit.logged_out")
        signals.user_login_failed.connect(audit.login_failed, dispatch_uid="audit.login_failed")
