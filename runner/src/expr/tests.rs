//! The language's semantics as tables.

use proptest::prelude::*;
use serde_json::json;

use super::*;

impl From<serde_json::Value> for Contexts {
    fn from(json: serde_json::Value) -> Self {
        match Value::from(json) {
            Value::Object(contexts) => Contexts::new((*contexts).clone()),
            other => panic!("contexts are an object, not {other:?}"),
        }
    }
}

fn contexts() -> Contexts {
    Contexts::from(json!({
        "github": {
            "ref": "refs/heads/main",
            "empty": "",
            "event": {"number": 7, "labels": [{"name": "bug"}, {"name": "p1", "color": "red"}, {"color": "x"}]},
            "true": "a property",
        },
        "matrix": {"os": ["linux", "MacOS"], "flags": {"a": {"on": true}, "b": {"on": false}, "c": 3}},
        "needs": {"a": {"result": "success"}, "b": {"result": "failure"}},
        "inputs": {"yes": true, "zero": 0, "nested": [[1, 2], [3], "x"]},
        "secrets": {},
    }))
}

fn evaluate(source: &str) -> Result<Value, String> {
    let expr = Expr::parse(source).map_err(|e| e.to_string())?;
    expr.evaluate(&contexts()).map_err(|e| e.to_string())
}

/// Asserts that each expression has the value that its JSON describes.
fn check<const N: usize>(table: [(&str, serde_json::Value); N]) {
    for (source, expected) in table {
        assert_eq!(evaluate(source), Ok(expected.into()), "{source}");
    }
}

#[test]
fn literals() {
    check([
        ("", json!(null)),
        ("  null ", json!(null)),
        ("true", json!(true)),
        ("false", json!(false)),
        ("42", json!(42)),
        ("-1.5", json!(-1.5)),
        ("+2", json!(2)),
        (".5", json!(0.5)),
        ("-.5", json!(-0.5)),
        ("0xff", json!(255)),
        ("0o17", json!(15)),
        ("-2.99e-2", json!(-0.0299)),
        ("1E3", json!(1000)),
        ("''", json!("")),
        ("'it''s ''''quoted'", json!("it's ''quoted")),
        ("'\"é\n'", json!("\"é\n")),
        ("\u{a0}1\t\r\n", json!(1)),
    ]);
    assert_eq!(evaluate("Infinity"), Ok(Value::Number(f64::INFINITY)));
    assert_eq!(evaluate("-Infinity"), Ok(Value::Number(f64::NEG_INFINITY)));
    assert!(matches!(evaluate("NaN"), Ok(Value::Number(n)) if n.is_nan()));
}

#[test]
fn precedence_and_associativity() {
    check([
        ("true || false && false", json!(true)),
        ("(true || false) && false", json!(false)),
        ("!true || true", json!(true)),
        ("!(true || true)", json!(false)),
        ("!!github.ref", json!(true)),
        ("!true == false", json!(true)),
        ("1 < 2 == true", json!(true)),
        ("3 > 2 > 1", json!(false)),
        ("1 == 1 == 1", json!(true)),
        ("2 == 2 == 2", json!(false)),
        ("1 != 2 && 2 >= 2", json!(true)),
        ("1<2&&2>1||!true", json!(true)),
    ]);
}

#[test]
fn logical_operators_give_an_operand_and_stop_at_it() {
    check([
        ("'a' && 'b'", json!("b")),
        ("'' && 'b'", json!("")),
        ("'a' || 'b'", json!("a")),
        ("0 || null || ''", json!("")),
        ("1 && 2 && 3", json!(3)),
        ("false && fromJSON('x')", json!(false)),
        ("'a' || fromJSON('x')", json!("a")),
        ("github.none || 'default'", json!("default")),
        ("!''", json!(true)),
        ("!'0'", json!(false)),
        ("!NaN", json!(true)),
        ("!github", json!(false)),
        ("!inputs.zero", json!(true)),
    ]);
}

#[test]
fn equality_is_loose() {
    check([
        ("'abc' == 'ABC'", json!(true)),
        ("'é' == 'É'", json!(true)),
        ("'abc' != 'abd'", json!(true)),
        ("1 == '1'", json!(true)),
        ("'1' == 1.0", json!(true)),
        ("' 1 ' == 1", json!(true)),
        ("'1' == '1.0'", json!(false)),
        ("1 == 'x'", json!(false)),
        ("true == 1", json!(true)),
        ("true == '1'", json!(true)),
        ("true == 'true'", json!(false)),
        ("false == ''", json!(true)),
        ("null == 0", json!(true)),
        ("null == ''", json!(true)),
        ("null == false", json!(true)),
        ("null == null", json!(true)),
        ("null == 'null'", json!(false)),
        ("NaN == NaN", json!(false)),
        ("NaN != NaN", json!(true)),
        ("0xff == '0xff'", json!(true)),
        ("github == github", json!(true)),
        ("matrix.os == matrix.os", json!(true)),
        ("matrix.os == fromJSON('[\"linux\",\"MacOS\"]')", json!(false)),
        ("github == 'Object'", json!(false)),
        ("secrets == null", json!(false)),
        ("secrets == 0", json!(false)),
        ("matrix.os.* == matrix.os.*", json!(false)),
    ]);
}

#[test]
fn order_is_loose() {
    check([
        ("1 < 2", json!(true)),
        ("2 <= 2", json!(true)),
        ("'10' > 9", json!(true)),
        ("'10' > '9'", json!(false)),
        ("'a' < 'B'", json!(true)),
        ("'A' >= 'a'", json!(true)),
        ("'' < 'a'", json!(true)),
        ("true > false", json!(true)),
        ("null < 1", json!(true)),
        ("null <= null", json!(true)),
        ("null < null", json!(false)),
        ("NaN < 1", json!(false)),
        ("NaN >= NaN", json!(false)),
        ("'x' > 1", json!(false)),
        ("github > 1", json!(false)),
        ("github >= github", json!(true)),
        ("github > github", json!(false)),
        ("-Infinity < Infinity", json!(true)),
    ]);
}

#[test]
fn properties_and_indices() {
    check([
        ("github.ref", json!("refs/heads/main")),
        ("GitHub.REF", json!("refs/heads/main")),
        ("github['ref']", json!("refs/heads/main")),
        ("github['R' || 'x']", json!(null)),
        ("github[format('r{0}', 'ef')]", json!("refs/heads/main")),
        ("github . event . number", json!(7)),
        ("github.true", json!("a property")),
        ("github.none", json!(null)),
        ("github.none.deeper['x'].still", json!(null)),
        ("github.ref.length", json!(null)),
        ("(github).ref", json!("refs/heads/main")),
        ("matrix.os[0]", json!("linux")),
        ("matrix.os[1.9]", json!("MacOS")),
        ("matrix.os['1']", json!("MacOS")),
        ("matrix.os[true]", json!("MacOS")),
        ("matrix.os[null]", json!("linux")),
        ("matrix.os[2]", json!(null)),
        ("matrix.os[-1]", json!(null)),
        ("matrix.os[NaN]", json!(null)),
        ("matrix.os[Infinity]", json!(null)),
        ("matrix.os['x']", json!(null)),
        ("matrix.os[github]", json!(null)),
        ("github[github]", json!(null)),
        ("fromJSON('{\"1\":\"one\",\"true\":\"yes\"}')[1]", json!("one")),
        ("fromJSON('{\"1\":\"one\",\"true\":\"yes\"}')[true]", json!("yes")),
        ("fromJSON('[[1,2],[3,4]]')[1][0]", json!(3)),
        ("runner.os", json!(null)),
        ("github.event.labels[1].name", json!("p1")),
        ("inputs.yes", json!(true)),
    ]);
}

#[test]
fn star_selects_from_all() {
    check([
        ("github.event.labels.*.name", json!(["bug", "p1"])),
        ("github.event.labels[*]['color']", json!(["red", "x"])),
        ("github.event.labels.*.none", json!([])),
        ("needs.*.result", json!(["success", "failure"])),
        ("matrix.flags.*.on", json!([true, false])),
        ("matrix.os.*", json!(["linux", "MacOS"])),
        ("inputs.nested.*.*", json!([1, 2, 3])),
        ("inputs.nested.*[0]", json!([1, 3])),
        ("inputs.nested.*[1]", json!([2])),
        ("(needs.*).result", json!(["success", "failure"])),
        ("(false || needs.*).result", json!(["success", "failure"])),
        ("github.ref.*", json!([])),
        ("github.none.*.x", json!([])),
        ("contains(needs.*.result, 'FAILURE')", json!(true)),
        ("contains(github.event.labels.*.name, 'bug')", json!(true)),
        ("join(needs.*.result, '+')", json!("success+failure")),
        ("needs.*.result[0]", json!([])),
        ("!(secrets.*)", json!(false)),
    ]);
}

#[test]
fn functions_on_text() {
    check([
        ("contains('Hello', 'ELL')", json!(true)),
        ("contains('Hello', '')", json!(true)),
        ("contains(123, 2)", json!(true)),
        ("contains(true, 'ru')", json!(true)),
        ("contains(null, '')", json!(true)),
        ("contains('', github)", json!(false)),
        ("contains(github, 'ref')", json!(false)),
        ("contains(matrix.os, 'macos')", json!(true)),
        ("contains(fromJSON('[1,\"2\"]'), 2)", json!(true)),
        ("contains(fromJSON('[[]]'), fromJSON('[]'))", json!(false)),
        ("startsWith('Hello', 'he')", json!(true)),
        ("startsWith('Hello', 'el')", json!(false)),
        ("startsWith(123, 12)", json!(true)),
        ("startsWith(github, 'Obj')", json!(false)),
        ("endsWith('Hello', 'LO')", json!(true)),
        ("ENDSWITH('Hello', '')", json!(true)),
        ("endsWith(matrix.os, 'y')", json!(false)),
        ("format('Hello {0} {1} {0}', 'Mona', 7)", json!("Hello Mona 7 Mona")),
        ("format('{{Hello {0}}}', 'Mona')", json!("{Hello Mona}")),
        ("format('{{{0}}}', true)", json!("{true}")),
        ("format('{{0}}', 'x')", json!("{0}")),
        ("format('{0}{1}', null, github)", json!("Object")),
        ("format('plain', 'unused')", json!("plain")),
        ("format('{00}', 'x')", json!("x")),
        ("format('é{0}é', 'ü')", json!("éüé")),
        ("format(1.50)", json!("1.5")),
        ("join(matrix.os)", json!("linux,MacOS")),
        ("join(matrix.os, ', ')", json!("linux, MacOS")),
        ("join(matrix.os, github)", json!("linux,MacOS")),
        ("join(fromJSON('[1,null,true,[2],{}]'), '|')", json!("1||true|Array|Object")),
        ("join('text', '-')", json!("text")),
        ("join(12)", json!("12")),
        ("join(github)", json!("")),
        ("join(fromJSON('[]'))", json!("")),
    ]);
}

#[test]
fn functions_on_json_and_choice() {
    check([
        ("toJSON('a\"b')", json!("\"a\\\"b\"")),
        ("toJson(null)", json!("null")),
        ("toJSON(1.0)", json!("1")),
        ("toJSON(fromJSON('[]'))", json!("[]")),
        ("toJSON(matrix.os)", json!("[\n  \"linux\",\n  \"MacOS\"\n]")),
        ("toJSON(needs.*.result)", json!("[\n  \"success\",\n  \"failure\"\n]")),
        (
            "toJSON(fromJSON('{\"b\":{\"a\":1},\"A\":[]}'))",
            json!("{\n  \"b\": {\n    \"a\": 1\n  },\n  \"A\": []\n}"),
        ),
        ("fromJSON(' {\"Key\":[1,2.5e1,\"\\u00e9\"]} ')", json!({"Key": [1, 25, "é"]})),
        ("fromJSON('{\"Key\":1}').kEY", json!(1)),
        ("fromJSON('true')", json!(true)),
        ("fromJSON('\"x\"')", json!("x")),
        ("fromJSON(12)", json!(12)),
        ("fromJSON(true) == true", json!(true)),
        ("case(true, 'a', 'b')", json!("a")),
        ("case(false, 'a', 'b')", json!("b")),
        ("case(false, 1, 1 == 1, 2, 3)", json!(2)),
        ("case(true, 'a', fromJSON('never evaluated'))", json!("a")),
        ("case(false, fromJSON('never evaluated'), 'b')", json!("b")),
        ("case(true, needs.*, 1).result", json!(["success", "failure"])),
        ("always()", json!(true)),
        ("success() && !failure() && !cancelled()", json!(true)),
        ("success('a')", json!(true)),
        ("success('a', 'b')", json!(false)),
        ("success('none')", json!(false)),
        ("failure('a', 'B')", json!(true)),
        ("failure('a', 'none')", json!(false)),
    ]);
}

#[test]
fn parse_errors_say_what_and_where() {
    use ParseErrorKind::{Lexing, Parsing};
    for (source, kind, message, at) in [
        ("'open", Lexing, "Unexpected symbol: ''open'", 0..5),
        ("1 + 2", Lexing, "Unexpected symbol: '+'", 2..3),
        ("a = b", Lexing, "Unexpected symbol: '='", 2..3),
        ("true & false", Lexing, "Unexpected symbol: '&'", 5..6),
        ("github.ref == \"x\"", Lexing, "Unexpected symbol: '\"x\"'", 14..17),
        ("1.2.3", Lexing, "Unexpected symbol: '1.2.3'", 0..5),
        ("'x'.y", Lexing, "Unexpected symbol: '.y'", 3..5),
        ("0xg", Lexing, "Unexpected symbol: '0xg'", 0..3),
        ("é", Lexing, "Unexpected symbol: 'é'", 0..2),
        ("foo", Parsing, "Unrecognized named-value: 'foo'", 0..3),
        ("1 == gihtub.ref", Parsing, "Unrecognized named-value: 'gihtub'", 5..11),
        ("foo()", Parsing, "Unrecognized function: 'foo'", 0..3),
        ("contains('a')", Parsing, "Too few parameters supplied: 'contains'", 0..8),
        ("always(1)", Parsing, "Too many parameters supplied: 'always'", 0..6),
        ("case(1, 2)", Parsing, "Too few parameters supplied: 'case'", 0..4),
        (
            "case(1, 2, 3, 4)",
            Parsing,
            "Even number of parameters supplied, requires an odd number of \
          parameters: 'case'",
            0..4,
        ),
        ("1 2", Parsing, "Unexpected symbol: '2'", 2..3),
        ("1 == ", Parsing, "Unexpected end of expression: '=='", 2..4),
        ("!", Parsing, "Unexpected end of expression: '!'", 0..1),
        ("(1", Parsing, "Unexpected end of expression: '1'", 1..2),
        ("1)", Parsing, "Unexpected symbol: ')'", 1..2),
        ("()", Parsing, "Unexpected symbol: ')'", 1..2),
        ("github.", Parsing, "Unexpected end of expression: '.'", 6..7),
        ("github.'x'", Parsing, "Unexpected symbol: 'x'", 7..10),
        ("github[", Parsing, "Unexpected end of expression: '['", 6..7),
        ("github[]", Parsing, "Unexpected symbol: ']'", 7..8),
        ("github.ref(1)", Parsing, "Unexpected symbol: '('", 10..11),
        ("'a'[0]", Parsing, "Unexpected symbol: '['", 3..4),
        ("1 == format('{', 1)", Parsing, "Invalid format string: 'format'", 5..11),
        (
            "format('{0}{1}', 1)",
            Parsing,
            "Format string references {1} but only 1 argument(s) provided: 'format'",
            0..6,
        ),
        (
            "format('{99999999999999999999}')",
            Parsing,
            "Format string references {99999999999999999999} but only 0 argument(s) provided: 'format'",
            0..6,
        ),
        ("format('a',)", Parsing, "Unexpected symbol: ')'", 11..12),
        ("format(,1)", Parsing, "Unexpected symbol: ','", 7..8),
        ("*", Parsing, "Unexpected symbol: '*'", 0..1),
        ("1 == == 2", Parsing, "Unexpected symbol: '=='", 5..7),
    ] {
        let error = Expr::parse(source).expect_err(source);
        assert_eq!((error.kind, error.message.as_str(), error.at.clone()), (kind, message, at), "{source}");
    }
    insta::assert_snapshot!(Expr::parse("'é' == foo").unwrap_err(),
        @"Unrecognized named-value: 'foo'. Located at position 8 within expression: 'é' == foo");
}

#[test]
fn unknown_names_get_a_suggestion() {
    let suggestion = |source: &str| Expr::parse(source).unwrap_err().suggestion;
    assert_eq!(suggestion("gihtub.ref").as_deref(), Some("github"));
    assert_eq!(suggestion("startWith('a', 'b')").as_deref(), Some("startsWith"));
    assert_eq!(suggestion("wholly_different"), None);
}

#[test]
fn other_forges_names_mean_the_same() {
    let scope = Contexts::from(serde_json::json!({"github": {"ref": "refs/heads/main"}}));
    for source in ["forgejo.ref", "Forge['ref']", "gitea.ref"] {
        let expr = Expr::parse(source).unwrap();
        assert_eq!(expr.evaluate(&scope).unwrap(), Value::from("refs/heads/main"), "{source}");
        assert_eq!(expr.readings()[0].context, "github", "{source}");
    }
    assert!(Expr::parse_with("forgejo.ref", &["foo"]).is_err());
}

#[test]
fn only_given_contexts_are_known() {
    assert!(Expr::parse_with("foo.bar", &["Foo"]).is_ok());
    assert!(Expr::parse_with("github.ref", &["foo"]).is_err());
}

#[test]
fn evaluation_errors_say_what_and_in_which_expression() {
    for (source, message) in [
        ("fromJSON('')", "Error parsing JSON when evaluating fromJson: empty input"),
        ("fromJSON('{')", "Error parsing JSON when evaluating fromJson: EOF while parsing"),
        ("fromJSON('1 2')", "Error parsing JSON when evaluating fromJson: trailing characters"),
        ("fromJSON(github)", "Error parsing JSON when evaluating fromJson: expected value"),
        (
            "format(fromJSON('\"{0}{1}\"'), 1)",
            "The following format string references more arguments than were supplied: {0}{1}",
        ),
        (
            "format(fromJSON('\"{99999999999999999999}\"'), 1)",
            "The following format string references more arguments",
        ),
        ("format(fromJSON('\"{\"'))", "The following format string is invalid: {"),
        ("format(fromJSON('\"}\"'))", "The following format string is invalid: }"),
        ("format(fromJSON('\"{a}\"'), 1)", "The following format string is invalid: {a}"),
        ("format(fromJSON('\"{}\"'), 1)", "The following format string is invalid: {}"),
        ("format(fromJSON('\"{0:x}\"'), 1)", "The following format string is invalid: {0:x}"),
        ("case('x', 1, 2)", "case predicate must evaluate to a boolean value"),
        ("hashFiles('**')", "hashFiles reads a job's workspace"),
    ] {
        let error = evaluate(source).expect_err(source);
        assert!(error.starts_with(message), "{source}: {error}");
        assert!(error.ends_with(&format!("Located within expression: {source}")), "{error}");
    }
}

#[test]
fn depth_is_bounded() {
    let nested = |open: &str, inner: &str, close: &str, n: usize| {
        Expr::parse(&format!("{}{inner}{}", open.repeat(n), close.repeat(n))).map(|_| ())
    };
    for (open, inner, close) in
        [("!", "true", ""), ("(", "1", ")"), ("", "github", ".a"), ("", "1", "==1"), ("toJSON(", "1", ")")]
    {
        assert_eq!(nested(open, inner, close, MAX_DEPTH - 1), Ok(()), "{open}{inner}{close}");
        let error = nested(open, inner, close, MAX_DEPTH).expect_err(open);
        assert!(error.message.starts_with("Exceeded max expression depth 50"), "{error}");
        assert!(nested(open, inner, close, 2_500).is_err());
    }
    // A chain of one logical operator is one level.
    assert_eq!(nested("", "true", "&&true", 1_000), Ok(()));
}

#[test]
fn length_is_bounded() {
    let quoted = |n: usize| Expr::parse(&format!("'{}'", "é".repeat(n))).map(|_| ());
    assert_eq!(quoted(MAX_LENGTH - 2), Ok(()));
    assert_eq!(quoted(MAX_LENGTH - 1).unwrap_err().message, "Exceeded max expression length 21000");
}

#[test]
fn memory_is_bounded() {
    let scope = Contexts::from(json!({"github": {
        "text": "x".repeat(1 << 20),
        "list": vec!["y"; 100_000],
        "json": format!("[{}0]", "0,".repeat(500_000)),
    }}));
    let run = |source: &str| Expr::parse(source).unwrap().evaluate(&scope).map(|value| value.kind());
    // A letter counts two bytes: the text is 2 MiB, and four of them fit.
    let text = |n: usize| format!("format('{}', github.text)", "{0}".repeat(n));
    assert_eq!(run("github.text"), Ok(Kind::String));
    assert_eq!(run(&text(4)), Ok(Kind::String));
    // What is only looked at is given back.
    assert_eq!(run(&["startsWith(toJSON(github.text), 'x')"; 20].join(" || ")), Ok(Kind::Boolean));
    assert_eq!(run(&format!("contains({}, 'y')", text(2))), Ok(Kind::Boolean));
    for source in [
        text(5),
        format!("contains({}, {})", text(2), text(3)),
        format!("{} == ''", ["toJSON(github.text)"; 5].join(" && ")),
        "join(github.list, github.text)".to_owned(),
        "fromJSON(github.json)".to_owned(),
        format!("{} == 0", ["github.list.*"; 14].join(" && ")),
    ] {
        let error = run(&source).expect_err(&source).message;
        assert!(error.contains("maximum allowed memory size was exceeded"), "{source}: {error}");
    }
}

/// Texts made of what expressions are made of, so that many of them parse.
fn expression_like() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "github",
        ".ref",
        ".event",
        "matrix",
        "needs",
        ".*",
        "[*]",
        "[",
        "]",
        "(",
        ")",
        "!",
        "&&",
        "||",
        "==",
        "!=",
        "<",
        "<=",
        ">",
        ">=",
        ",",
        "'a'",
        "'{0}'",
        "''",
        "'",
        "1",
        "-1",
        ".5",
        "0x1F",
        "1e3",
        "NaN",
        "null",
        "true",
        "format(",
        "join(",
        "contains(",
        "toJSON(",
        "fromJSON(",
        "case(",
        "startsWith(",
        "always()",
        " ",
        "é",
        "${{",
        "}}",
        "+",
        "=",
        "\"",
        "'[1,{\"a\":2}]'",
        ".",
        "['ref']",
        "[0]",
    ]);
    prop::collection::vec(pieces, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_text_gives_a_value_or_an_error_within_it(source in prop_oneof![expression_like(), "\\PC{0,60}"]) {
        match Expr::parse(&source) {
            Ok(expr) => {
                prop_assert_eq!(expr.source(), &source);
                for reading in expr.readings() {
                    let written = source.get(reading.at).unwrap_or_default().to_ascii_lowercase();
                    prop_assert!(written.starts_with(reading.context), "{} in {}", reading.context, source);
                }
                let _ = expr.searched_texts();
                let _ = expr.evaluate(&contexts());
            }
            Err(error) => {
                prop_assert!(source.get(error.at.clone()).is_some(), "{:?}", error);
                prop_assert!(!error.to_string().is_empty());
            }
        }
        for parsed in [Template::parse(&source).map(|t| t.evaluate(&contexts()).is_ok()),
                       Condition::parse(&source).map(|c| c.evaluate(&contexts()).is_ok())] {
            if let Err(error) = parsed {
                prop_assert!(source.get(error.at.clone()).is_some(), "{:?}", error);
            }
        }
    }

    #[test]
    fn whatever_parses_is_within_the_bounds(source in expression_like(), depth in 0..120_usize) {
        let nested = format!("{}{source}{}", "!(".repeat(depth), ")".repeat(depth));
        if Expr::parse(&nested).is_ok() {
            prop_assert!(depth < MAX_DEPTH);
        }
    }

    #[test]
    fn a_quoted_text_means_itself(text in "\\PC{0,40}") {
        let source = format!("'{}'", text.replace('\'', "''"));
        prop_assert_eq!(evaluate(&source), Ok(Value::from(text)));
    }

    #[test]
    fn json_survives_a_round_trip(text in "\\PC{0,20}", number in -1_000_000_000..1_000_000_000_i64) {
        let value = Value::from(json!({"k": [text, number, null, true, {}]}));
        let written = json::write(&value).unwrap();
        prop_assert_eq!(read_json(&written, &Memory::new(MAX_MEMORY)).unwrap(), value);
    }

    #[test]
    fn comparison_is_consistent(a in "[a-cA-C0-3éÉß]{0,3}", b in "[a-cA-C0-3éÉß]{0,3}") {
        let (a, b) = (Value::from(a), Value::from(b));
        let order = a.loosely_compare(&b).unwrap();
        prop_assert_eq!(order, b.loosely_compare(&a).unwrap().reverse());
        prop_assert_eq!(order.is_eq(), a.loosely_equals(&b));
    }
}
