"""What staff fill in to come in."""

from typing import TYPE_CHECKING

from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import INPUT_CLASSES

from quizarena.staff import dates

if TYPE_CHECKING:
    from django.contrib.admin.forms import AdminAuthenticationForm as AuthenticationForm
else:
    from unfold.forms import AuthenticationForm


class SignInForm(AuthenticationForm):
    """Name and password, with a sentence for who is locked out."""

    def get_invalid_login_error(self) -> ValidationError:
        """Return why nobody came in; whether there is such an account is not said."""
        until = getattr(self.request, "locked_until", None)
        if until is None:
            return super().get_invalid_login_error()
        return ValidationError(
            f"Too many failed sign-ins. Try again after {dates.to_the_second(until)}, or ask "
            "somebody with the role Security to end the lock-out."
        )


class CodeForm(forms.Form):
    """A code of the authenticator app, or a recovery code."""

    code = forms.CharField(
        max_length=40,
        label="Code",
        widget=forms.TextInput(
            attrs={
                "class": " ".join(INPUT_CLASSES),
                "autocomplete": "one-time-code",
                "autofocus": True,
                "spellcheck": "false",
            }
        ),
    )
