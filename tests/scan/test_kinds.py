"""Each kind of file by what is particular about it; none raises, and none takes for ever."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devvault.scan.engine import Engine
from devvault.scan.kinds.base import _MODULES, find_kind, get_reader
from devvault.scan.text import Text

KINDS = sorted(_MODULES)


def read(name, text):
    kind = find_kind(name, text)
    pairs = list(get_reader(kind)(text, [(0, len(text))]))
    return {(pair.key, pair.value) for pair in pairs}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (".env", "dotenv"), (".env.local", "dotenv"), ("prod.env", "dotenv"), (".envrc", "dotenv"),
        ("env.json", "json"), ("env.py", "python"), ("appsettings.json", "json"),
        ("a/Dockerfile.prod", "docker"), ("x.bicepparam", "bicep"), ("p.tfvars", "hcl"),
        ("terraform.tfvars.json", "json"), ("web.config", "xml"), ("x.PublishSettings", "xml"),
        ("x.pubxml.user", "xml"), ("a.ipynb", "notebook"), (".npmrc", "ini"), ("README", "text"),
        ("docs/x.md", "markdown"), ("C:\\x\\Set-It.ps1", "powershell"), ("x.yml.example", "yaml"),
        (".bashrc", "shell"), ("Makefile", "shell"), ("x.sql", "sql"), ("x.tsx", "javascript"),
        ("nothing", "text"), (".netrc", "netrc"), ("app.properties", "properties"),
    ],
)  # fmt: skip
def test_a_name_says_the_kind(name, kind):
    assert find_kind(name, "{" if kind == "json" else "<" if kind == "xml" else "x") == kind


def test_without_a_name_the_start_says_it():
    assert find_kind("tool", "#!/usr/bin/env python3\n") == "python"
    assert find_kind("-", '{"a": 1}') == "json"
    assert find_kind("x", "<configuration/>") == "xml"


@pytest.mark.parametrize(
    ("name", "text", "pair"),
    [
        ("a.py", "password = 'x'", ("password", "x")),
        ("a.py", "db.password: str = rb'x'", ("db.password", "x")),
        ("a.py", "f(password=\"it's\")", ("password", "it's")),
        ("a.py", 'os.environ["API_KEY"] = "x"', ("API_KEY", "x")),
        ("a.py", 'os.environ.get("API_KEY", "x")', ("API_KEY", "x")),
        ("a.py", 'token = os.getenv("TOKEN") or "x"', ("TOKEN", "x")),
        ("a.py", 'secret = SecretStr("x")', ("secret", "x")),
        ("a.py", "token = (\n    'a'\n    'b'\n)", ("token", "ab")),
        ("a.py", "password = 'a' \\\n  'b'", ("password", "ab")),
        ("a.py", 'login("me", "x")', ("password", "x")),
        ("a.py", "password = f'{x}y'", ("password", "${x}y")),
        ("a.py", 'password = """a\nb"""', ("password", "a\nb")),
        ("a.js", "const token: string = `x`;", ("token", "x")),
        ("a.js", "process.env.API_KEY || 'x'", ("process.env.API_KEY", "x")),
        ("a.js", "const apiKey = 'a' + 'b';", ("apiKey", "ab")),
        ("a.js", "{ name: 'API_KEY', value: 'x' }", ("API_KEY", "x")),
        ("a.js", "if (password === 'x')", ("password", "x")),
        ("a.cs", 'string Password { get; set; } = "x";', ("Password", "x")),
        ("a.cs", 'var key = @"a""b";', ("key", 'a"b')),
        ("a.cs", '["Smtp:Password"] = "x"', ("Smtp:Password", "x")),
        ("a.cs", 'new NetworkCredential("me", "x")', ("password", "x")),
        ("a.cs", 'SetEnvironmentVariable("TOKEN", "x")', ("TOKEN", "x")),
        ("A.java", 'private static final String TOKEN = "x";', ("TOKEN", "x")),
        ("A.java", 'props.put("db.password", "x");', ("db.password", "x")),
        ("a.kt", 'const val TOKEN: String = "x"', ("TOKEN", "x")),
        ("a.go", "const token string = `x`", ("token", "x")),
        ("a.go", 'password := "x"', ("password", "x")),
        ("a.rb", ":password => 'x'", ("password", "x")),
        ("a.rb", "ENV['TOKEN'] = 'x'", ("TOKEN", "x")),
        ("a.php", "define('DB_PASSWORD', 'x');", ("DB_PASSWORD", "x")),
        ("a.php", "$password = 'a' . 'b';", ("$password", "ab")),
        ("a.rs", 'let token = "x";', ("token", "x")),
        ("a.ps1", "$pw = ConvertTo-SecureString 'x' -AsPlainText", ("password", "x")),
        ("a.ps1", '$env:TOKEN = "a`"b"', ("$env:TOKEN", 'a"b')),
        ("a.ps1", "Set-It -Password 'it''s'", ("-Password", "it's")),
        ("a.sh", "export TOKEN='x y'", ("TOKEN", "x y")),
        ("a.sh", "PGPASSWORD=x psql", ("PGPASSWORD", "x")),
        ("a.sh", "az x --admin-password x", ("admin-password", "x")),
        ("a.sh", "curl -u me:xyz https://h", ("password", "xyz")),
        ("a.sh", "kubectl create --from-literal=password=x", ("password", "x")),
        ("a.sh", 'curl -H "X-Api-Key: x"', ("X-Api-Key", "x")),
        ("a.bat", 'set "TOKEN=x y"', ("TOKEN", "x y")),
        ("Dockerfile", "ENV TOKEN x y", ("TOKEN", "x y")),
        ("Dockerfile", "ARG TOKEN=x", ("TOKEN", "x")),
        ("a.sql", "CREATE LOGIN a WITH PASSWORD = N'it''s'", ("password", "it's")),
        ("a.sql", "CREATE USER a IDENTIFIED BY 'x'", ("password", "x")),
        ("a.sql", "INSERT INTO u (id, password) VALUES (1, 'x')", ("password", "x")),
        ("a.tf", 'variable "token" {\n type = string\n default = "x"\n}', ("token", "x")),
        ("a.tf", 'name = "db-password"\n value = "x"', ("db-password", "x")),
        ("a.tfvars", 'db_password = "x"', ("db_password", "x")),
        ("a.bicep", "param adminPassword string = 'it\\'s'", ("adminPassword", "it's")),
        ("a.bicep", "{\n name: 'TOKEN'\n value: 'x'\n}", ("TOKEN", "x")),
        ("a.toml", '[a]\npassword = "x"', ("password", "x")),
        ("a.ini", "password = x ; note", ("password", "x")),
        ("a.properties", "db.password = a\\\n  b", ("db.password", "ab")),
        ("a.json", '{"a": {"password": "a\\u0062"}}', ("password", "ab")),
        ("a.json", '{// c\n "b": ["TOKEN=x"],}', ("TOKEN", "x")),
        ("a.json", '{"name": "TOKEN", "value": "x"}', ("TOKEN", "x")),
        ("a.json", '{"value": "x", "name": "TOKEN"}', ("TOKEN", "x")),
        ("a.json", '{"adminPassword": {"value": "x"}}', ("adminPassword", "x")),
        ("a.json", '{"secrets": {"db": "x"}}', ("secrets:db", "x")),
        ("a.xml", '<add key="Token" value="a&amp;b"/>', ("Token", "a&b")),
        ("a.xml", "<password>x</password>", ("password", "x")),
        ("a.xml", '<setting name="Pw"><value>x</value></setting>', ("Pw", "x")),
        ("a.xml", '<x userPWD="x" />', ("userPWD", "x")),
        ("a.yaml", "a:\n  password: 'it''s' # c", ("password", "it's")),
        ("a.yaml", "- name: TOKEN\n  value: x", ("TOKEN", "x")),
        ("a.yaml", "env:\n  - TOKEN=x", ("TOKEN", "x")),
        ("a.yaml", "env: [{name: TOKEN, value: x}]", ("TOKEN", "x")),
        ("a.yaml", "run: |\n  export TOKEN=x", ("TOKEN", "x")),
        ("a.yaml", "kind: Secret\ndata:\n  pw: aHVudGVyMg==", ("pw", "hunter2")),
        ("a.yaml", "kind: Secret\nstringData:\n  pw: x", ("pw", "x")),
        ("a.yaml", 'a.json: |\n  {"password": "x"}', ("password", "x")),
        ("a.md", "```python\npassword = 'x'\n```", ("password", "x")),
        ("a.md", "The password: `xyz1`.", ("password", "xyz1")),
        ("a.ipynb", '{"source": ["token = \\"x\\"\\n"]}', ("token", "x")),
        (".netrc", "machine h login me password x", ("password", "x")),
        (".pgpass", "h:5432:db:me:x", ("password", "x")),
        (".env", "# TOKEN=abcd", ("TOKEN", "abcd")),
        (".env", "export TOKEN='x' # c", ("TOKEN", "x")),
    ],
)  # fmt: skip
def test_what_a_kind_reads(name, text, pair):
    assert pair in read(name, text)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.py", 'client.get_secret("name-of-it")'),
        ("a.py", 'raise ValueError("password", "is missing")'),
        ("a.js", 'getToken("name")'),
        ("a.cs", 'config.GetConnectionString("Default")'),
    ],
)
def test_what_only_asks_is_no_value(name, text):
    assert not {key for key, _ in read(name, text) if key != "password"} & {"name", "secret"}
    assert Engine().scan(Text(name, text)) == []


CHARACTERS = "aA1_-.$@#:;=,'\"`{}[]()<>|&\\/ \n\t%!?+*~ü\u2028"
WORDS = ["password", "token: ", "key=", '"""', "'''", "-----BEGIN", "<add ", "```", "value", "${",
         "name: ", "- ", "| ", ">\n ", "ENV ", "IDENTIFIED BY '", "/*", "//",
         "kind: Secret\n"]  # fmt: skip
PIECES = st.one_of(st.sampled_from(WORDS), st.text(alphabet=CHARACTERS, max_size=6))


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60)
@given(st.lists(PIECES, max_size=30))
def test_no_text_makes_it_raise_and_places_are_in_the_text(kind, pieces):
    text = "".join(pieces)
    for pair in get_reader(kind)(text, [(0, len(text))]):
        assert 0 <= pair.start <= pair.end <= len(text)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "part",
    ["a", " ", "'", '"', "`", "\\", "{", "[", "(", "<a ", "<a b='", "password", "password=",
     "password = '", 'password: "x" ', "- ", "#", "key: |\n", "\n", "a: {", "'''", '"""',
     "x = <<E\n", "//", "/*", "<!--",
     "token(", "name: x\n value: ", "a.b.c.d", "-----", "|", "ENV a ",
     "insert into a (b) values (",
     "=\n"],
)  # fmt: skip
def test_time_grows_with_the_text_alone(kind, part):
    reader = get_reader(kind)

    def work(size: int) -> float:
        text = (part * (size // len(part) + 1))[:size]
        started = time.process_time()
        for _ in reader(text, [(0, len(text))]):
            pass
        return time.process_time() - started

    # The least of a few: a garbage collection in one of them is not the reader's work.
    for _ in range(5):
        took = (work(10_000), work(40_000))
        if took[1] < 0.5 or took[1] < 9 * took[0]:
            return
    raise AssertionError((took, part))


@pytest.mark.parametrize("name", ["a.js", "a.json", "a.txt", "a.yaml", "a.env", "a.xml"])
def test_one_line_of_many_megabytes_is_bounded_and_still_read(name):
    secret = "password=" + "'" + "Blue" + "Kettle47!" + "'"
    filler = '{"a":1,"key":"b"},' * 170_000
    text = filler + " " + secret + " " + filler
    started = time.process_time()
    found = Engine().scan(Text(name, text))
    assert time.process_time() - started < 20
    if name in ("a.js", "a.txt"):
        assert [(one.line, text[one.column - 1 : one.end - 1]) for one in found] == [
            (1, "Blue" + "Kettle47!")
        ]


def test_a_place_is_of_the_value_to_the_character():
    text = 'ü = 1\nx = { "dbPassword": "Blue' + 'Kettle47!" }\n'
    (one,) = Engine().scan(Text("a.js", text))
    line = text.split("\n")[one.line - 1]
    assert line[one.column - 1 : one.end - 1] == "Blue" + "Kettle47!"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.json", '{"adminPassword": "[reference(\'x\').outputs.pw1.value]"}'),
        ("a.json", "{\"storageAccountKey\": \"[listKeys('x', '2022-09-01').keys[0].value]\"}"),
        (
            "a.yaml",
            "kind: SealedSecret\nspec:\n  encryptedData:\n    password: AgBy3i4OJSWK9PiT1\n",
        ),
        ("a.yaml", "password: ENC[AES256_GCM,data:p673w7Xq3kA=,iv:t8QmZ1,tag:s9,type:str]"),
        ("a.txt", "--- PASS: TestOfIt (0.00s)"),
    ],
)
def test_what_is_looked_up_or_sealed_is_no_secret(name, text):
    assert Engine().scan(Text(name, text)) == []
