"""Every setting by keyword and by environment, and what is said of a bad value."""

import pytest
from tests.unit.test_capture_asgi import identify_later

from dashcam import Settings, SettingsError
from dashcam.settings import NAMES, TABLE

GIVEN = {
    "store": ("postgresql+psycopg://u@h/d", "postgresql+psycopg://u@h/d"),
    "journal_dir": ("/somewhere", "/somewhere"),
    "journal_bytes": (2 << 30, "2 GiB"),
    "segment_bytes": (1 << 20, "1MiB"),
    "sync": ("off", "off"),
    "sync_interval_s": (0.5, "0.5"),
    "writer": ("process", "process"),
    "batch_size": (7, "7"),
    "batch_bytes": (4096, "4k"),
    "batch_interval_s": (0.25, "0.25"),
    "pool_size": (3, "3"),
    "retry_initial_s": (0.2, "0.2"),
    "retry_max_s": (9.0, "9"),
    "failed_logs": ("/somewhere/failed.jsonl", "/somewhere/failed.jsonl"),
    "shutdown_timeout_s": (3.0, "3"),
    "max_body_bytes": (0, "0"),
    "capture_bytes": (1 << 20, "1 MiB"),
    "body_content_types": (("text/*", "image/*"), "text/*, image/*"),
    "redact_headers": (("x-mine",), "x-mine"),
    "redact_fields": (("mine", "*_pin"), "mine,*_pin"),
    "redact_query": (("mine",), "mine"),
    "replace_redact_headers": (("x-only",), "x-only"),
    "replace_redact_fields": (("only",), "only"),
    "replace_redact_query": (("only",), "only"),
    "redact_personal": (("card", "email"), "card,email"),
    "include_paths": (("/v1/*",), "/v1/*"),
    "exclude_paths": (("/health", "/docs*"), "/health,/docs*"),
    "sample_rate": (0.1, "0.1"),
    "identify": (identify_later, "tests.unit.test_capture_asgi:identify_later"),
    "before_record": (identify_later, "tests.unit.test_capture_asgi:identify_later"),
    "llm_paths": (("/chat",), "/chat"),
    "retention_days": (0.0, "0"),
    "body_retention_days": (1.5, "1.5"),
    "public_paths": (("/healthz",), "/healthz"),
    "jwt_secret": ("s" * 32, "s" * 32),
    "jwt_public_key": ("/key.pem", "/key.pem"),
    "jwt_jwks": ("https://h/jwks", "https://h/jwks"),
    "jwt_algorithms": (("RS256",), "RS256"),
    "jwt_audience": ("a", "a"),
    "jwt_issuer": ("i", "i"),
    "jwt_leeway_s": (5.0, "5"),
    "jwt_user_claim": ("uid", "uid"),
    "jwt_admin_claim": ("root", "root"),
    "quota": ("10/minute", "10/minute"),
    "quota_storage": ("redis://h", "redis://h"),
    "quota_on_error": ("refuse", "refuse"),
    "secret_key": ("k" * 32, "k" * 32),
    "allowed_hosts": (("h.test",), "h.test"),
}


def test_every_setting_is_tried():
    """A new setting needs a line above."""
    assert set(GIVEN) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_by_keyword_and_by_environment(name):
    """Both ways give the same value, which isn't the default; the keyword wins."""
    value, text = GIVEN[name]
    default = getattr(Settings(environ={}), name)
    assert value != default
    assert getattr(Settings(environ={}, **{name: value}), name) == value
    environ = {"DASHCAM_" + name.upper(): text}
    found = getattr(Settings(environ=environ), name)
    # (The module of these tests is there twice, by pytest's way of importing.)
    assert found == value or found.__qualname__ == value.__qualname__
    assert getattr(Settings(environ=environ, **{name: value}), name) == value


BAD = {
    "journal_bytes": "lots",
    "batch_size": "-1",
    "batch_interval_s": "nan",
    "sample_rate": "1.01",
    "sync": "always",
    "writer": "fork",
    "identify": "no_such_module:x",
    "before_record": "os:no_such_name",
    "store": "oracle://x",
    "retention_days": "inf",
    "pool_size": "two",
    "segment_bytes": "1 byte",
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_value_is_named(name):
    """The setting, what is allowed, the value, and where it came from, in one line."""
    with pytest.raises(SettingsError) as raised:
        Settings(environ={"DASHCAM_" + name.upper(): BAD[name]})
    said = str(raised.value)
    assert said.startswith(f"{name} must be")
    assert repr(BAD[name]) in said
    assert said.endswith(f"(from DASHCAM_{name.upper()})")
    assert len(said.splitlines()) == 1


def test_an_unknown_keyword_is_an_error_and_an_unknown_variable_a_warning():
    """A typing error never passes in silence, and the nearest name is offered."""
    with pytest.raises(SettingsError, match=r"batch_sise is no setting.*did you mean batch_size"):
        Settings(environ={}, batch_sise=1)
    with pytest.warns(
        UserWarning, match=r"DASHCAM_BATCH_SISE is no setting.*did you mean batch_size"
    ):
        Settings(environ={"DASHCAM_BATCH_SISE": "1"})


def test_defaults_are_what_the_table_says():
    """Every setting has its default where nothing is given (a journal of the default size)."""
    settings = Settings(environ={})
    assert {each.name: getattr(settings, each.name) for each in TABLE} == {
        each.name: each.default for each in TABLE
    }


def test_settings_are_frozen_and_keep_secrets():
    """No attribute can be set; the text of them shows no secret and no password."""
    settings = Settings(
        environ={}, store="postgresql+psycopg://u:pass-word@h/d", jwt_secret="s3cr3t" * 8
    )
    with pytest.raises(AttributeError, match="frozen"):
        settings.batch_size = 1
    assert "s3cr3t" not in repr(settings)
    assert "pass-word" not in repr(settings)
