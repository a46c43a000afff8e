import pytest

from devvault.server.local.java import add_options

PROXIES = "-Djava.net.useSystemProxies=true"
STORE = "-Djavax.net.ssl.trustStore=/home/run/ca-1.p12"
ADDED = f"{PROXIES} {STORE} -Djavax.net.ssl.trustStoreType=PKCS12"


@pytest.mark.parametrize(
    ("given", "made"),
    [
        ("", ADDED),
        ("-Xmx1g", f"-Xmx1g {ADDED}"),
        ("  -Xmx1g\t-Dname='a b'  ", f"-Xmx1g -Dname='a b' {ADDED}"),
        ("-Dother=-Djavax.net.ssl.trustStore=/x", f"-Dother=-Djavax.net.ssl.trustStore=/x {ADDED}"),
        ("-Djava.net.useSystemProxies=false -ea", f"-ea {ADDED}"),
        # An outer run's, whose file may have other roots by now.
        (ADDED.replace("ca-1", "ca-2"), ADDED),
        (f"-ea {ADDED}", f"-ea {ADDED}"),
        ('"-Djavax.net.ssl.trustStore=/home/run/ca-2.p12"', ADDED),
        ("-Djavax.net.ssl.trustStorePassword=x", ADDED),
    ],
)
def test_what_the_user_had_is_kept_and_ours_is_there_once(given, made):
    assert add_options(given, "/home/run/ca-1.p12", "/home/run") == made


@pytest.mark.parametrize(
    "given",
    [
        "-Djavax.net.ssl.trustStore=/etc/mine.jks",
        "-ea '-Djavax.net.ssl.trustStore=/my certs/mine.jks'",
        "-Djavax.net.ssl.trustStore=/home/running/ca-1.p12",
        "-Djavax.net.ssl.trustStore=",
    ],
)
def test_a_trust_store_of_the_users_own_is_never_replaced(given):
    assert add_options(given, "/home/run/ca-1.p12", "/home/run") is None


@pytest.mark.parametrize(
    ("store", "written"),
    [
        ("/my home/run/x.p12", '"-Djavax.net.ssl.trustStore=/my home/run/x.p12"'),
        ('/a"b/run/x.p12', "'-Djavax.net.ssl.trustStore=/a\"b/run/x.p12'"),
        ("/a'b/run/x.p12", '"-Djavax.net.ssl.trustStore=/a\'b/run/x.p12"'),
    ],
)
def test_odd_paths_are_quoted_as_the_jvm_reads_them(store, written):
    made = add_options("", store, store.rpartition("/")[0])
    assert made == f"{PROXIES} {written} -Djavax.net.ssl.trustStoreType=PKCS12"
    assert add_options(made, store, store.rpartition("/")[0]) == made
