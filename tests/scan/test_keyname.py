from __future__ import annotations

import pytest

from devvault.scan.keyname import KeyKind, kind_of


@pytest.mark.parametrize(
    ("kind", "keys"),
    [
        (KeyKind.PASSWORD, ("PASSWORD dbPassword DB_PASSWORD db-password Db__Password PGPASSWORD "
                           "MYSQL_PWD REDIS_PASS PASSWORD_PROD PASSWORD_2 smtp.passwd pw")),
        (KeyKind.SECRET, ("CLIENT_SECRET clientSecret JWT_SECRET SECRET_KEY SECRET_KEY_BASE TOKEN "
                         "githubToken API_KEY apikey ApiKey X-Api-Key ACCESS_KEY accountKey PAT "
                         "PRIVATE_KEY storageKey TOKEN_GITHUB CREDENTIALS SigningKey")),
        (KeyKind.CONNECTION, ("CONNECTION_STRING ConnectionStrings__Default ConnectionStrings:Db "
                             "RedisConnectionString DB_CONN_STR SENTRY_DSN")),
        (KeyKind.KEY, "COSMOS_KEY STORAGE_PRIMARY_KEY AZURE_OPENAI_KEY NPM_AUTH HASH_SALT KEY"),
        (KeyKind.LABEL, ("TOKEN_URL PASSWORD_MIN_LENGTH SECRET_NAME KEY_VAULT_NAME PUBLIC_KEY "
                        "PASSWORD_FILE CLIENT_ID SORT_KEY PUBLIC_API_KEY CACHE_TTL SECRET_ID")),
        (KeyKind.NEUTRAL, ("KEYBOARD MONKEY TURKEY TOKENIZER SECRETARY COMPASS BYPASS DEBUG X "
                          "AUTHOR KEYSTONE passenger 1 _ ")),
    ],
)  # fmt: skip
def test_names(kind, keys):
    assert {key: kind_of(key) for key in keys.split()} == dict.fromkeys(keys.split(), kind)


def test_no_name():
    assert kind_of("") is KeyKind.NEUTRAL
