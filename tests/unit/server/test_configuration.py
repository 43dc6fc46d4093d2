"""The broker's address as every part of the site reads it."""

import redis

from advisor.configuration import BROKER_PATIENCE_S, Configuration


def options(configuration: Configuration) -> dict[str, object]:
    return dict(redis.Redis.from_url(configuration.broker_url).connection_pool.connection_kwargs)


def test_no_process_waits_long_for_a_hung_broker(configuration: Configuration) -> None:
    assert options(configuration)["socket_timeout"] == BROKER_PATIENCE_S
    assert options(configuration)["path"] == str(configuration.broker_socket)


def test_a_given_address_keeps_its_own_options(configuration: Configuration) -> None:
    given = configuration.model_copy(update={"redis_url": "rediss://me:secret@queue.example:6380/2?socket_timeout=9"})
    parsed = options(given)
    assert (parsed["host"], parsed["port"], parsed["db"], parsed["password"]) == ("queue.example", 6380, 2, "secret")
    assert (parsed["socket_timeout"], parsed["socket_connect_timeout"]) == (9, BROKER_PATIENCE_S)


def test_a_data_folder_with_odd_characters_is_reached(configuration: Configuration) -> None:
    odd = configuration.model_copy(update={"data": configuration.data / "a b%20?&#c"})
    assert options(odd)["path"] == str(odd.broker_socket)
