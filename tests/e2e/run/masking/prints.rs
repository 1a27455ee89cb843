//! Scripts that print the secret `$S`, each with a tool.

/// A script for bash, and the tool without which it is left out.
pub struct Print {
    /// On the search path.
    pub tool: &'static str,
    /// What it runs.
    pub script: &'static str,
    /// Why it is known to leak, and of which kinds of secrets.
    pub leak: Option<(&'static [&'static str], &'static str)>,
}

impl Print {
    /// Why a secret of a kind leaks, where that is known.
    pub fn leaks(&self, kind: &str) -> Option<&'static str> {
        self.leak.filter(|(kinds, _)| kinds.contains(&kind)).map(|(_, reason)| reason)
    }
}

const fn print(tool: &'static str, script: &'static str) -> Print {
    Print { tool, script, leak: None }
}

const fn leaks(
    tool: &'static str,
    script: &'static str,
    kinds: &'static [&'static str],
    reason: &'static str,
) -> Print {
    Print { tool, script, leak: Some((kinds, reason)) }
}

/// All of them.
pub const PRINTS: &[Print] = &[
    print("printenv", "printenv; printenv S"),
    print("env", "env; env -0; cat /proc/self/environ"),
    print("bash", "declare -p; set; export -p"),
    print("bash", r#"printf '%q\n' "$S"; echo "${S@Q}" "${S@A}" "${S@E}""#),
    print(
        "bash",
        r#"set -x; echo "token=$S"; : "$S"; [[ $S == x ]]; x=$S; x=("$S" 1); { set +x; } 2>/dev/null"#,
    ),
    print("bash", r#"for ((i = 0; i < ${#S}; i++)); do echo "${S:i:1}"; done"#),
    print("bash", r#"n=$((${#S} / 2 + 7)); echo "${S:0:n}"; echo "${S: -n}"; echo "${S:2:n}...""#),
    print("bash", r#"cat "./$S"; ls "$S"; cd "$S"; "./$S"; . "./$S"; echo x > "./no/$S""#),
    print("bash", r#"bash -c 'echo "${1:?}" >&2; exit 1' x "$S"; bash -c "echo '$S"; let "$S""#),
    print("bash", r#"printf '%s' "$S" | while IFS= read -r -n1 c; do printf '%s ' "$c"; done; echo"#),
    print(
        "bash",
        r#"printf '%s' "$S" | while IFS= read -r -n1 c; do printf '\033[3%dm%s\033[0m' $((RANDOM % 8)) "$c"; done; echo"#,
    ),
    print(
        "base64",
        r#"base64 <<<"$S"; printf %s "$S" | base64; echo "user:$S" | base64 -w0; echo; echo "{\"auth\":\"$S\"}" | base64 -w 20"#,
    ),
    print("base64", r#"base64 -w0 <<<"$S" | base64; printf 'x%s' "$S" | base64 | base64 -w0; echo"#),
    print(
        "basenc",
        r#"basenc --base64url -w0 <<<"$S"; echo; printf %s "ab$S" | basenc --base16; basenc --base32 <<<"$S""#,
    ),
    print("base32", r#"base32 <<<"$S"; printf 'abc%s' "$S" | base32 -w0; echo"#),
    print("xxd", r#"xxd <<<"$S"; xxd -p <<<"$S"; xxd -u -c 24 <<<"$S"; xxd -g1 <<<"token=$S""#),
    print("od", r#"od <<<"$S"; od -x <<<"$S"; od -b <<<"$S""#),
    print("od", r#"od -An -tx1 <<<"$S"; od -An -tu1 <<<"$S"; od -A x -t x1z <<<"x$S""#),
    print(
        "hexdump",
        r#"hexdump <<<"$S"; hexdump -C <<<"$S"; hexdump -v -e '/1 "%02x"' <<<"$S"; echo; hexdump -v -e '/1 "%u "' <<<"$S""#,
    ),
    print(
        "busybox",
        r#"busybox base64 <<<"$S"; busybox xxd <<<"$S"; busybox hexdump -C <<<"$S"; busybox od <<<"$S"; busybox rev <<<"$S""#,
    ),
    print(
        "openssl",
        r#"openssl base64 <<<"$S"; openssl enc -base64 -A <<<"key: $S"; echo; openssl enc -d -aes-128-cbc -k x <<<"$S""#,
    ),
    print(
        "jq",
        r#"jq -n --arg s "$S" '{s: $s}, $s, ($s|@base64), ($s|@uri), ($s|@sh), ($s|@json), ($s|@json|@json), ($s|@html), ($s|@base32)'"#,
    ),
    print(
        "jq",
        r#"jq -nc --arg s "$S" '($s|explode), ({s: $s}|tostring), ($s|@text "x \(.)")'; jq -na --arg s "$S" '$s'; jq . <<<"$S""#,
    ),
    print(
        "jq",
        r#"jq -nr --arg s "$S" '$s, ($s|@base64|@base64), ($s|split("")|join(" ")), ($s|split("")|join("\n")), ($s|explode|reverse|implode)'"#,
    ),
    print(
        "sed",
        r#"sed 's/./& /g' <<<"$S"; sed 's/./&-/g' <<<"$S"; sed -n l <<<"$S"; sed 's/.\{7\}/&\n/g' <<<"$S"; sed = <<<"$S"; sed "s/$S/""#,
    ),
    print("rev", r#"rev <<<"$S""#),
    print(
        "fold",
        r#"fold -w 1 <<<"$S"; fold -w 9 <<<"$S"; fold -w 5 <<<"$S" | cat -n; fold -w 1 <<<"$S" | cat -n"#,
    ),
    print(
        "cat",
        r#"cat -n <<<"$S"; cat -A <<<"$S"; nl <<<"$S"; tac <<<"$S"; grep -n . <<<"$S"; grep --color=always -o '..' <<<"$S""#,
    ),
    print("tr", r#"tr 'A-Za-z' 'N-ZA-Mn-za-m' <<<"$S"; tr -d '\n' <<<"$S"; echo; tr '\n' ' ' <<<"$S"; echo"#),
    print(
        "cut",
        r#"n=$((${#S} / 2 + 7)); cut -c1-$n <<<"$S"; cut -c3- <<<"$S"; head -c $n <<<"$S"; echo; tail -c $n <<<"$S""#,
    ),
    print(
        "iconv",
        r#"iconv -t UTF-16LE <<<"$S"; echo; iconv -t UTF-16BE <<<"$S"; echo; iconv -t UTF-16 <<<"$S"; echo"#,
    ),
    print(
        "awk",
        r#"awk '{for (i = 1; i <= length($0); i++) printf "%s\n", substr($0, i, 1)}' <<<"$S"; awk '{gsub(/./, "&\r"); print}' <<<"$S"; awk '{print substr($0, 2)}' <<<"$S""#,
    ),
    print(
        "git",
        r#"git init -q r; cd r; git remote add origin "https://user:$S@example.com/r.git"; git remote -v; git config -l; git fetch; git clone "https://$S@localhost:1/r.git""#,
    ),
    print(
        "git",
        r#"git init -q r2; cd r2; git -c user.name=x -c user.email=x@example.com commit -q --allow-empty -m "use $S"; git log --oneline; git log; git checkout "$S"; GIT_TRACE=1 git log --grep "$S""#,
    ),
    print(
        "curl",
        r#"curl -sv -u "user:$S" -H "X-Token: $S" http://127.0.0.1:1/; curl -sv "http://user:$S@127.0.0.1:1/?t=$S"; curl --trace-ascii - -d "$S" http://127.0.0.1:1/; curl -sS "$S""#,
    ),
    print("python3", SERVER),
    print("python3", PYTHON),
    print(
        "python3",
        r#"python3 -c 'import os, pprint; s = os.environ["S"]; pprint.pprint({"config": {"password": s, "bytes": s.encode()}}, width=40)'"#,
    ),
    print("python3", PYTHON_ERRORS),
    print("node", NODE),
    print("perl", PERL),
    print("xxd", r#"xxd -b <<<"$S"; xxd -i <<<"$S""#),
    print("jq", r#"jq -nc --arg s "$S" '$s|split("")'"#),
    print(
        "python3",
        r#"python3 -c 'import os; print(list(os.environ["S"]), ", ".join(map(hex, os.environ["S"].encode())))'"#,
    ),
    print(
        "bash",
        r#"set -x; for ((i = 0; i < ${#S}; i++)); do printf %s "${S:i:1}"; done; { set +x; } 2>/dev/null"#,
    ),
    print(
        "bash",
        r#"set -x; for ((i = 0; i < ${#S}; i++)); do echo "${S:i:1}"; done; { set +x; } 2>/dev/null"#,
    ),
    leaks(
        "od",
        r#"od -c <<<"$S""#,
        &["non-ascii"],
        "the octal numbers of what isn't ASCII stand between the letters",
    ),
    leaks("od", r#"od -An -td1 -v <<<"$S""#, &["non-ascii"], "bytes as negative numbers are not looked for"),
];

/// `curl -v` to a server that says back what it got.
const SERVER: &str = r#"curl -sv against a server of our own
cat > server.py <<'END'
import http.server
class Echo(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(401)
        self.send_header("X-Path", self.path)
        self.end_headers()
        self.wfile.write((repr(dict(self.headers)) + "\n" + self.path + "\n").encode())
http.server.HTTPServer(("127.0.0.1", 8099), Echo).serve_forever()
END
python3 server.py & server=$!
until curl -s -o /dev/null http://127.0.0.1:8099/; do sleep 0.05; done
curl -sv -u "user:$S" -H "Authorization: Bearer $(tr -d '\n' <<<"$S")" http://127.0.0.1:8099/
curl -sv -G --data-urlencode "token=$S" http://127.0.0.1:8099/
kill $server"#;

const PYTHON: &str = r#"python3 - <<'END'
import base64, binascii, codecs, html, json, os, quopri, shlex, unicodedata, urllib.parse
import xml.sax.saxutils as sax
s = os.environ["S"]
b = s.encode()
print(repr(s), repr(b), ascii(s), [s], {"s": s}, (b,))
print(json.dumps(s), json.dumps({"a": json.dumps(s)}), json.dumps(s, ensure_ascii=False), json.dumps(json.dumps(json.dumps(s))))
print(html.escape(s), sax.quoteattr(s), "".join("&#%d;" % ord(c) for c in s), "".join("&#x%x;" % ord(c) for c in s))
print(urllib.parse.quote(s), urllib.parse.quote_plus(s), urllib.parse.quote(urllib.parse.quote(s, safe="")), urllib.parse.urlencode({"s": s}))
print(base64.b64encode(b), base64.urlsafe_b64encode(b"ab" + b), base64.b32encode(b), base64.b16encode(b), base64.encodebytes(b + b))
print(b.hex(), b.hex(":"), b.hex(" ", 2), b.hex("-"), binascii.hexlify(b), list(b), bytearray(b))
print("".join("\\x%02x" % c for c in b), "".join("\\%03o" % c for c in b), "".join("%%%02X" % c for c in b))
print(quopri.encodestring(b).decode(), shlex.quote(s), codecs.encode(s, "rot13"), s[::-1])
print(unicodedata.normalize("NFC", s), unicodedata.normalize("NFD", s))
print("-".join(s), " ".join(s), "\u200b".join(s), "\ufeff".join(s))
for c in s:
    print(c)
END"#;

const PYTHON_ERRORS: &str = r#"python3 -c 'import os; raise ValueError("bad token: " + os.environ["S"])'
python3 -c 'import os; {}[os.environ["S"]]'
python3 -c 'import os; int(os.environ["S"])'
python3 -c 'import os; open("/nowhere/" + os.environ["S"])'
python3 -c 'import os, subprocess; subprocess.run(["false", os.environ["S"]], check=True)'
python3 -X utf8 -c 'import logging, os; logging.warning("token %r", os.environ["S"])'"#;

const NODE: &str = r#"node - <<'END'
const util = require("util");
const s = process.env.S;
const b = Buffer.from(s);
console.log(s, [s], { s }, new Map([[s, b]]), util.inspect(b), JSON.stringify(b));
console.log(JSON.stringify(s), JSON.stringify(JSON.stringify({ s })), encodeURIComponent(s), encodeURI(s), escape(s));
console.log(new URLSearchParams({ s }).toString(), b.toString("base64"), b.toString("base64url"), b.toString("hex"), btoa(unescape(encodeURIComponent(s))));
console.log([...s].join(" "), [...s].reverse().join(""), [...b].join(","), [...s].map((c) => "\\u" + c.charCodeAt(0).toString(16).padStart(4, "0")).join(""));
console.log(s.normalize("NFD"), `\u001b[31m${[...s].join("\u001b[0m\u001b[31m")}`);
console.table([[s]]);
try { JSON.parse(s + "x"); } catch (e) { console.log(e); }
try { new URL(s); } catch (e) { console.log(e); }
console.error(new Error("failed with " + s));
END"#;

const PERL: &str = r#"perl -MData::Dumper -e '
$s = $ENV{S};
print Dumper($s), unpack("H*", $s), "\n", join(", ", map { ord } split //, $s), "\n";
print join(" ", split //, $s), "\n", scalar reverse($s), "\n", quotemeta($s), "\n";
$s =~ s/([^A-Za-z0-9])/sprintf("%%%02X", ord($1))/ge;
print "$s\n";
die $ENV{S}'"#;
