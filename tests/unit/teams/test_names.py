"""Account names that people can tell apart."""

from importlib import import_module

import pytest
from django.apps import apps
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection
from django.test import Client
from django.urls import reverse

from advisor.teams.models import User
from advisor.teams.names import fault_of, looks_of
from advisor.teams.services.accounts import new_account
from core.errors import InvalidInput

PASSWORD = "a-long-enough-one"
ALIKE = [
    ("owner", "owner."),
    ("owner", "OWNER"),
    ("owner", "o_w-n.er"),
    ("owner", "own\u0435r"),  # Cyrillic
    ("owner", "\u03bfwner"),  # Greek
    ("owner", "\uff4f\uff57\uff4e\uff45\uff52"),  # full width
    ("owner", "0wner"),
    ("owner", "ow\u200bner"),  # a space of no width
    ("owner", "ow\u200dner"),  # a joiner of no width
    ("owner", "\u202eowner"),  # written from right to left
    ("alice", "aIice"),
    ("alice", "a1ice"),
    ("alice", "al\u0131ce"),  # without its dot
    ("admin", "ADMlN"),
    ("admin", "adrnin"),
    ("sara", "\u0455\u0430r\u0430"),  # three of four Cyrillic
    ("pace", "\u0440\u0430\u0441\u0435"),  # Cyrillic as a whole
    ("noh", "\u039d\u039f\u0397"),  # Greek capitals as a whole
    ("\u043d\u0438\u043d\u0430", "\u041d\u0418\u041d\u0410"),  # Cyrillic, in capitals
    ("stra\u00dfe", "STRASSE"),
    ("jos\u00e9", "jose\u0301"),  # composed and not
]
APART = [
    ("owner", "owners"),
    ("anna", "\u0410\u043d\u043d\u0430"),
    ("jos\u00e9", "jose"),
    ("noh", "voh"),
    ("ann@x.example", "ann+test@x.example"),
    ("user1", "user2"),
]


@pytest.mark.parametrize(("existing", "new"), ALIKE)
def test_names_that_look_alike_share_a_look(existing: str, new: str) -> None:
    assert any(one == other for one, other in zip(looks_of(existing), looks_of(new), strict=True))


@pytest.mark.parametrize(("existing", "new"), APART)
def test_names_that_people_can_tell_apart_share_none(existing: str, new: str) -> None:
    assert not any(one == other for one, other in zip(looks_of(existing), looks_of(new), strict=True))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("own\u0435r", "mixes Cyrillic and Latin"),
        ("\u03bfwner", "mixes Greek and Latin"),
        ("\u202eowner", "invisible"),
        ("ow\u200bner", "invisible"),
        ("ow\u00adner", "invisible"),
        ("owner\u3164", "invisible"),  # a Hangul letter that shows nothing
        ("own er", "spaces"),
        ("...", "a letter or a digit"),
    ],
)
def test_a_forbidden_name_is_refused_with_a_sentence(name: str, words: str) -> None:
    assert words in fault_of(name)


@pytest.mark.parametrize("name", ["owner", "Анна", "Ελένη", "田中たろうA", "김민준", "ann@x.example", "u_1"])
def test_a_name_in_any_one_alphabet_is_fine(name: str) -> None:
    assert not fault_of(name)


@pytest.mark.django_db
def test_a_new_account_is_refused_a_name_like_another() -> None:
    new_account("owner", PASSWORD, PASSWORD)
    for name, words in [("Owner", "is taken"), ("0wner", "looks too much like"), ("own\u0435r", "one alphabet")]:
        with pytest.raises(InvalidInput, match=words):
            new_account(name, PASSWORD, PASSWORD)
    with pytest.raises(InvalidInput, match="looks too much like"):
        new_account("1oca1", PASSWORD, PASSWORD)  # the local user's, whether there is one or not
    assert User.objects.count() == 1


@pytest.mark.django_db
def test_a_race_for_one_look_has_one_winner(monkeypatch: pytest.MonkeyPatch) -> None:
    new_account("owner", PASSWORD, PASSWORD)
    monkeypatch.setattr(User, "check_name", lambda *_: None)  # as if the other was saved just after this one had looked
    with pytest.raises(InvalidInput, match="taken"):
        new_account("0wner", PASSWORD, PASSWORD)
    with pytest.raises(IntegrityError):
        User.objects.create(username="OWNER")


@pytest.mark.django_db
def test_every_other_way_to_set_a_name_refuses_it(client: Client) -> None:
    root = User.objects.create_superuser("root")
    with pytest.raises(ValidationError, match="looks too much"):
        User.objects.create_user("r00t")
    with pytest.raises(CommandError, match="looks too much"):
        call_command("createsuperuser", "--noinput", "--username", "r0ot", "--email", "")
    client.force_login(root)
    form = {"username": "R0OT", "password1": PASSWORD, "password2": PASSWORD, "usable_password": "true"}
    refused = client.post(reverse("admin:teams_user_add"), form)
    assert refused.status_code == 200 and "looks too much like" in refused.content.decode()
    assert User.objects.exclude(username="local").get() == root


@pytest.mark.django_db
def test_a_renamed_account_gives_its_look_back() -> None:
    user = User.objects.create_user("owner")
    user.username = "keeper"
    user.save(update_fields=["username"])
    User.objects.create_user("0wner")
    user.username = "owner"
    with pytest.raises(ValidationError, match="looks too much"):
        user.save()


@pytest.mark.django_db
def test_existing_accounts_keep_their_names() -> None:
    names = ["owner", "own\u0435r", "OWNER", "\u1160x"]
    User.objects.bulk_create(User(username=name) for name in names)
    import_module("advisor.teams.migrations.0003_names").claim_looks(apps, connection.schema_editor())
    claims = [bool(user.look) for user in User.objects.order_by("pk")]
    assert claims == [True, False, False, True]
    for user in User.objects.all():
        user.first_name = "Somebody"
        user.full_clean(exclude=["password"])
        user.save()
    assert sorted(User.objects.values_list("username", flat=True)) == sorted(names)
    with pytest.raises(ValidationError):
        User.objects.create_user("0wner")
