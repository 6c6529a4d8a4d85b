"""Invitations in the admin: the review queue, the evidence, and decisions."""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.decorators import display

from economy.admin.players import players_found
from economy.timeline import minute
from economy.wallets import business_zone
from promos import charts, referral_reviews, referral_rules, referral_statistics, referrals
from promos.admin.sections import in_lines
from promos.errors import PromosError
from promos.models import REFUSED, Referral, ReferralReward, ReferralStatus
from promos.referral_reviews import Judgement, Verdict, seen_as
from promos.referral_rules import ANSWERS_MIN, DAYS_MIN, HELD_FROM, PER_REWARD, WINDOW
from quizarena.game import activity
from quizarena.players.admin import TimelineSection, button_source, timeline_source
from quizarena.players.models import Language, Player
from quizarena.staff import audit
from quizarena.staff.dates import short_day
from quizarena.staff.decisions import Decision, DecisionForm, decide
from quizarena.staff.desk import ReadOnlyAdmin, age, badge, button, object_link, own_user
from quizarena.staff.errors import StaffError

STATUS_COLOURS = {
    ReferralStatus.STARTED: "info",
    ReferralStatus.QUALIFIED: "primary",
    ReferralStatus.REWARDED: "success",
    ReferralStatus.DEFERRED_LIMIT: "warning",
    ReferralStatus.REJECTED_FRAUD: "danger",
    ReferralStatus.CANCELED: "default",
}
MAY_JUDGE = "promos.judge_referral"
REFUSALS = (PromosError, StaffError)
# A table shows so many of the latest; the list has all.
LENGTH = 20


def status_badge(referral: Referral) -> SafeString:
    """Return where an invitation stands, in its colour."""
    if referral.held_at is not None:
        return badge("held for review", "warning")
    if referral.lapsed_at is not None:
        return badge("not qualified in time", "default")
    status = ReferralStatus(referral.status)
    return badge(status.label, STATUS_COLOURS[status])


def reward_badge(reward: ReferralReward) -> SafeString:
    """Return where a reward stands, in its colour."""
    if reward.revoked_at is not None:
        return badge("taken back", "danger")
    if reward.chosen_at is not None:
        return badge(reward.get_choice_display(), "success")
    if reward.offered_at is not None:
        return badge("can be chosen", "primary")
    if reward.deferred_until is not None:
        return badge(f"deferred until {minute(reward.deferred_until)}", "warning")
    return badge(f"can be chosen from {minute(reward.claimable_at)}", "info")


class ReviewFilter(admin.SimpleListFilter):
    """What staff look for."""

    title = "review"
    parameter_name = "review"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        """Return what waits, and what speaks against somebody."""
        return [("held", "held for review"), ("suspicious", "suspicious")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Referral]) -> QuerySet[Referral]:
        """Return these."""
        if self.value() == "held":
            return queryset.filter(held_at__isnull=False)
        if self.value() == "suspicious":
            return queryset.filter(score__gt=0)
        return queryset


@admin.register(Referral)
class ReferralAdmin(ReadOnlyAdmin[Referral]):
    """Who has invited whom. What waits for staff is one filter away, and has a badge."""

    list_display = ("who", "by", "state", "suspicion", "started")
    list_display_links = None
    list_filter = (ReviewFilter, "status")
    list_select_related = ("invited", "inviter__player")
    search_fields = ("id",)
    search_help_text = "Telegram id, or beginning of a user name, of either of the two"
    change_form_outer_after_template = "promos/referral.html"
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("whose", "by"),
                    ("state", "suspicion"),
                    ("started", "counted"),
                    "reward_of",
                )
            },
        ),
    )

    class Media:
        css = {"all": ["promos/campaigns.css", "promos/referrals.css"]}

    # --- The list -----------------------------------------------------------------------------

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """Return newest first; what waits the longest first, what is suspicious by its score."""
        orders = {"held": ("held_at",), "suspicious": ("-score", "-id")}
        return orders.get(request.GET.get("review", ""), ("-id",))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Referral], search_term: str
    ) -> tuple[QuerySet[Referral], bool]:
        """Find the invitations of the players whom the term names, and those by which they came."""
        if not search_term.strip():
            return queryset, False
        found = players_found(search_term)
        return queryset.filter(Q(inviter__in=found) | Q(invited__in=found)), False

    @display(description="Invited")
    def who(self, referral: Referral) -> SafeString:
        return object_link(referral, referral.invited)

    @display(description="Invited")
    def whose(self, referral: Referral) -> SafeString:
        return object_link(referral.invited)

    @display(description="By")
    def by(self, referral: Referral) -> SafeString:
        return object_link(referral.inviter.player)

    @display(description="Status")
    def state(self, referral: Referral) -> SafeString:
        return status_badge(referral)

    @display(description="Risk signals")
    def suspicion(self, referral: Referral) -> str | SafeString:
        if not referral.score:
            return "–"
        colour = "danger" if referral.score >= HELD_FROM else "warning"
        suspicions = "; ".join(
            reason["suspicion"].replace("_", " ").lower() for reason in referral.reasons
        )
        return format_html("{} {}", badge(referral.score, colour), in_lines(suspicions))

    @display(description="Started")
    def started(self, referral: Referral) -> str:
        return age(referral.started_at)

    @display(description="Counts since")
    def counted(self, referral: Referral) -> str:
        return age(referral.qualified_at)

    @display(description="Reward")
    def reward_of(self, referral: Referral) -> str | SafeString:
        reward = referral.reward
        if reward is None:
            return "–"
        entry = object_link(reward.entry, "ledger") if reward.entry else ""
        return format_html("Reward {} {} {}", reward.number, reward_badge(reward), entry)

    # --- Pages ----------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        """Add the queue, the results, and the decisions."""
        view = self.admin_site.admin_view
        name = "promos_referral"
        return [
            path("queue/", view(self.queue_view), name=f"{name}_queue"),
            path("results/", view(self.results_view), name=f"{name}_results"),
            path("<int:pk>/<str:verdict>/judge/", view(self.judge_view), name=f"{name}_judge"),
            *super().get_urls(),
        ]

    def queue_view(self, request: HttpRequest) -> HttpResponse:
        """Lead to what waits for staff, the oldest first."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return HttpResponseRedirect(f"{reverse('admin:promos_referral_changelist')}?review=held")

    def results_view(self, request: HttpRequest) -> HttpResponse:
        """Show what comes of invitations, by week, and who invites most."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        now = timezone.now()
        weeks = referral_statistics.by_week(now=now)
        context = {
            **self.admin_site.each_context(request),
            "title": f"Results of the last {len(weeks)} weeks",
            "opts": self.opts,
            "media": self.media,
            "funnel": charts.referral_rows(referral_statistics.together(weeks)),
            "weeks": charts.weeks_chart(weeks),
            "top": {
                "headers": ["Inviter", "Started", "Qualified", "Rewarded", "Held", "Refused"],
                "rows": [
                    [
                        object_link(one.inviter.player),
                        f"{one.outcomes.started:,}",
                        f"{one.outcomes.qualified:,}",
                        f"{one.outcomes.rewarded:,}",
                        f"{one.outcomes.held:,}",
                        f"{one.outcomes.rejected + one.outcomes.canceled:,}",
                    ]
                    for one in referral_statistics.top(now=now)
                ],
            },
        }
        return TemplateResponse(request, "promos/referral_results.html", context)

    def list_title(self, request: HttpRequest) -> str:
        """Return the name of the queue for what is held for review."""
        is_queue = request.GET.get("review") == "held"
        return "Invitations in review" if is_queue else super().list_title(request)

    def judge_view(self, request: HttpRequest, pk: int, verdict: str) -> HttpResponse:
        """Ask for a reason, show what would come of it, and decide."""
        if not request.user.has_perm(MAY_JUDGE):
            raise PermissionDenied
        if verdict.upper() not in Verdict.__members__:
            raise Http404
        referral = get_object_or_404(Referral.objects.select_related("invited"), pk=pk)
        return _judge(request, Verdict[verdict.upper()], referral, model_admin=self)

    def buttons(self, request: HttpRequest, obj: Referral) -> list[SafeString]:
        """Return what the user may decide about the invitation as it stands."""
        if not request.user.has_perm(MAY_JUDGE):
            return []
        return [
            format_html(
                '<a class="promos-button{}" href="{}?seen={}">{}</a>',
                " promos-danger" if verdict is Verdict.FRAUD else "",
                reverse("admin:promos_referral_judge", args=[obj.pk, verdict.name.lower()]),
                seen_as(obj),
                _LABELS[verdict],
            )
            for verdict in Verdict
            if verdict.is_due(obj)
        ]

    def page_context(self, request: HttpRequest, obj: Referral) -> dict[str, Any]:
        """Return the evidence of both sides, and what staff have done."""
        return _evidence(obj)


# --- Evidence -------------------------------------------------------------------------------------


def _evidence(referral: Referral) -> dict[str, Any]:
    """Return the two accounts side by side, what speaks against them, and what was done."""
    span = referrals.span_of(referral)
    inviter = referral.inviter.player
    days = activity.answered([span], fast=referral_rules.FAST)
    if inviter.pk != span.player_id:
        own = activity.Span(inviter.pk, span.since, span.until)
        days = {**days, **activity.answered([own], fast=referral_rules.FAST)}
    dates = _dates(span)
    return {
        "reasons": {
            "headers": ["What", "Points", "Why"],
            "rows": [
                [
                    reason["suspicion"].replace("_", " ").capitalize(),
                    reason["points"],
                    in_lines(reason["detail"]),
                ]
                for reason in referral.reasons
            ],
        },
        "needed": f"{ANSWERS_MIN} answers on {DAYS_MIN} days within {WINDOW.days} days",
        "sides": [
            _side("Invited", referral.invited, days.get(referral.invited_id, ()), dates),
            _side("Inviter", inviter, days.get(inviter.pk, ()), dates),
        ],
        "others": referrals_of(
            Referral.objects.filter(inviter=referral.inviter).exclude(pk=referral.pk)
        ),
        "audit": {
            "headers": ["When", "Who", "What"],
            "rows": [
                [age(entry.at), entry.actor or "System", entry.summary]
                for entry in audit.of_object(referral)[:LENGTH]
            ],
        },
    }


def _dates(span: activity.Span) -> list[date]:
    """Return the business days of an invitation's time."""
    first = span.since.astimezone(business_zone()).date()
    return [first + timedelta(days=number) for number in range(WINDOW.days + 1)]


def _side(
    title: str, player: Player, days: Sequence[activity.AnsweredDay], dates: Sequence[date]
) -> dict[str, Any]:
    """Return one account: who it is, what it has answered on which day, and how fast."""
    answers, fast = sum(day.answers for day in days), sum(day.fast for day in days)
    by_date = {day.day: day.answers for day in days}
    came = Referral.objects.filter(invited=player).select_related("inviter__player").first()
    invited = Referral.objects.filter(inviter=player.pk)
    return {
        "title": title,
        "facts": [
            ("Player", object_link(player)),
            ("Telegram id", str(player.telegram_id)),
            ("Language", Language(player.language).staff_name),
            ("First start", minute(player.started_at)),
            ("Last seen", age(player.last_seen_at)),
            ("Invited by", object_link(came, came.inviter.player) if came else "–"),
            ("Has invited", _counted(invited)),
            ("Answers in this time", f"{answers} on {len(days)} days"),
            ("Under 1.5 s", f"{fast} ({fast / answers:.0%})" if answers else "–"),
        ],
        "picture": charts.sparkline([by_date.get(day, 0) for day in dates]),
        "span": f"{short_day(dates[0])} – {short_day(dates[-1])}",
        "table": {
            "headers": ["Day", "Answers", "Too fast", "From", "To"],
            "rows": [
                [
                    short_day(day.day),
                    day.answers,
                    day.fast,
                    f"{timezone.localtime(day.first_at):%H:%M:%S}",
                    f"{timezone.localtime(day.last_at):%H:%M:%S}",
                ]
                for day in days
            ],
        },
    }


def _counted(invited: QuerySet[Referral]) -> SafeString | str:
    """Return those whom a player has invited, the latest of them by name."""
    latest = list(invited.select_related("invited").order_by("-started_at")[: LENGTH + 1])
    names = [(object_link(one, one.invited),) for one in latest[:LENGTH]]
    if len(latest) > LENGTH:
        names.append((format_html("…"),))
    return format_html_join(", ", "{}", names) or "–"


def referrals_of(found: QuerySet[Referral]) -> dict[str, Any]:
    """Return the latest of these invitations as a table."""
    latest = found.select_related("invited", "inviter__player").order_by("-started_at")[:LENGTH]
    return {
        "headers": ["Invited", "Started", "Status", "Score", "Answers", "Days"],
        "rows": [
            [
                object_link(one, one.invited),
                age(one.started_at),
                status_badge(one),
                one.score or "–",
                one.answers or "–",
                one.days or "–",
            ]
            for one in latest
        ],
    }


# --- Decisions ------------------------------------------------------------------------------------

_LABELS = {
    Verdict.FRAUD: "Confirm fraud",
    Verdict.CANCEL: "Unlink",
    Verdict.REOPEN: "Reopen",
}
_NOTES = {
    Verdict.FRAUD: "The invitation stops counting, and its reward is taken back.",
    Verdict.CANCEL: "The two are no longer inviter and friend: the invitation stops counting and "
    "is not marked as fraud. Its reward is taken back. No other link can bind the player; “Reopen” "
    "undoes it.",
    Verdict.REOPEN: "The invitation is checked again within five minutes, and its current risk "
    "signals no longer hold it for review. A reward that it was part of is taken back.",
}


def _judge(
    request: HttpRequest, verdict: Verdict, referral: Referral, *, model_admin: ReferralAdmin
) -> HttpResponse:
    """Decide about one invitation, as it was when somebody saw it."""
    staff, now = own_user(request), timezone.now()
    carried = request.POST.get("seen") or request.GET.get("seen") or seen_as(referral)

    class Form(DecisionForm):
        seen = forms.CharField(max_length=32, initial=carried, widget=forms.HiddenInput)

    def judge(cleaned: dict[str, Any]) -> Judgement:
        return referral_reviews.judge(
            verdict,
            referral_id=referral.pk,
            seen=cleaned["seen"],
            reason=cleaned["reason"],
            staff=staff,
            now=now,
        )

    def preview(cleaned: dict[str, Any]) -> list[list[object]]:
        """Return what would come of it: it is executed and rolled back, which cannot differ."""
        with transaction.atomic():
            counted = _counting(referral)
            rows = _what_came_of(judge(cleaned), before=referral, counted_before=counted)
            transaction.set_rollback(True)
        return rows

    def execute(cleaned: dict[str, Any]) -> str:
        judge(cleaned)
        return f"{referral.page_name}: {verdict.past}."

    decision = Decision(
        title=f"{_LABELS[verdict]}: the invitation of {referral.invited}",
        note=_NOTES[verdict],
        form=Form,
        preview=preview,
        execute=execute,
        refusals=REFUSALS,
        back=reverse("admin:promos_referral_change", args=[referral.pk]),
        confirm=_LABELS[verdict],
        fresh_factor=True,
    )
    return decide(request, decision, model_admin=model_admin)


def _counting(referral: Referral) -> int:
    """Return how many invitations of the same inviter count for the next reward."""
    return Referral.objects.filter(inviter=referral.inviter_id).unrewarded().count()


def _what_came_of(
    judgement: Judgement, *, before: Referral, counted_before: int
) -> list[list[object]]:
    """Return in rows what a decision has led to."""
    rows: list[list[object]] = [
        ["The invitation", status_badge(before), status_badge(judgement.referral)],
        *_friendship(before, judgement.referral),
        [
            "Count for the inviter's next reward",
            f"{counted_before} of {PER_REWARD}",
            f"{_counting(before)} of {PER_REWARD}",
        ],
    ]
    reward, reversal = judgement.revoked, judgement.reversal
    if reward is None:
        return rows
    if reversal is None:
        rows.append([f"Reward {reward.number}", "not chosen yet", "is not given"])
    else:
        reversed_units = f"taken back: {_listed(reversal.taken)}"
        if reversal.shortfall:
            reversed_units += f"; spent already: {_listed(reversal.shortfall)}"
        rows.append(
            [f"Reward {reward.number}", reward.get_choice_display(), in_lines(reversed_units)]
        )
    rows.append(["The other two invitations", "part of this reward", "count for the next one"])
    return rows


def _friendship(before: Referral, after: Referral) -> list[list[object]]:
    """Return what the two are to each other before and after, if that changes."""
    were, are = (one.status not in REFUSED for one in (before, after))
    if were == are:
        return []
    words = {True: "inviter and friend", False: "not friends by this invitation"}
    return [[f"{before.inviter.player} and {before.invited}", words[were], words[are]]]


def _listed(units: Any) -> str:
    return ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in units.items()) or "–"


# --- The player page ------------------------------------------------------------------------------


@button_source
def unlink_player(request: HttpRequest, player: Player) -> Iterable[SafeString]:
    """Offer to unlink the player from whoever has invited them, to who may decide about it."""
    if not request.user.has_perm(MAY_JUDGE) or player.deleted_at is not None:
        return
    came = Referral.objects.filter(invited=player).select_related("inviter__player").first()
    if came is not None and Verdict.CANCEL.is_due(came):
        yield button(
            f"{_LABELS[Verdict.CANCEL]} from {came.inviter.player}",
            "promos_referral_judge",
            came.pk,
            Verdict.CANCEL.name.lower(),
        )


@timeline_source
def referral_rewards_of_player(request: HttpRequest, player: Player) -> TimelineSection | None:
    """Return the player's rewards for invitations, chosen or not."""
    if not request.user.has_perm("promos.view_referral"):
        return None
    rewards = ReferralReward.objects.filter(inviter=player.pk).select_related("entry")
    rows = [
        [
            reward.number,
            reward_badge(reward),
            age(reward.chosen_at),
            object_link(reward.entry, "ledger") if reward.entry else "–",
            format_html_join(
                ", ",
                "{}",
                ((object_link(one, one.invited),) for one in reward.referrals.all()),
            )
            or "–",
        ]
        for reward in rewards.prefetch_related("referrals__invited").order_by("-number")[:LENGTH]
    ]
    headers = ("Reward", "Status", "Chosen", "Entry", "For")
    return (
        TimelineSection(title="Rewards for invitations", headers=headers, rows=rows)
        if rows
        else None
    )
