//! `palisade expr`: evaluates an expression, to try one out or to compare with another implementation.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::Serialize;

use super::{Blame, Error};
use crate::expr::{
    self, CONTEXTS, Contexts, EvalError, Expr, Kind, Memory, Object, ParseError, ParseErrorKind, Template,
    Value,
};

/// Longest input in bytes: a line of `--jsonl`, a file of contexts.
const MAX_INPUT: usize = 16 << 20;
/// Most bytes that contexts may take in memory.
const MAX_CONTEXTS: usize = 4 * MAX_INPUT;

const EXAMPLES: &str = "\
EXAMPLES
  palisade expr \"format('{0}-{1}', 'linux', 64)\"
  palisade expr --context contexts.json \"github.ref == 'refs/heads/main' && success()\"
  echo '{\"expr\":\"github.ref\",\"contexts\":{\"github\":{\"ref\":\"main\"}}}' | palisade expr --jsonl

Prints the value as GitHub would put it into text; arrays and objects as JSON.

With --jsonl, each line in gives one line out, {\"kind\":\"String\",\"value\":\"main\"} or \
{\"err\":{\"kind\":\"parsing\",\"value\":\"…\"}}. A kind of value is String, Number, Boolean, Null, Object or \
Array; a number that JSON lacks is written as the text NaN, Infinity or -Infinity. A kind of error is lexing, \
parsing or evaluation, or input for a line that isn't of this form, which makes the exit code 2 at the end. \
An expression may read just the contexts of its line.

success(), failure() and cancelled() go by job.status of the contexts, which is success if it isn't given.";

/// Evaluates an expression.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The expression, with or without ${{ }}.
    #[arg(required_unless_present = "jsonl", conflicts_with = "jsonl", allow_hyphen_values = true)]
    expr: Option<String>,
    /// JSON file of an object with the contexts, e.g. {"github":{"ref":"refs/heads/main"}}.
    #[arg(long, value_name = "F", conflicts_with = "jsonl")]
    context: Option<PathBuf>,
    /// Evaluates one {"expr":…,"contexts":{…}} a line of standard input.
    #[arg(long)]
    jsonl: bool,
}

/// Runs the command.
pub fn run(args: Args) -> Result<ExitCode, Error> {
    match args.expr {
        Some(expr) => one(&expr, args.context.as_deref()),
        None => lines(io::stdin().lock(), io::stdout().lock()),
    }
}

/// Evaluates one expression and prints its value for people and scripts.
fn one(source: &str, file: Option<&Path>) -> Result<ExitCode, Error> {
    let contexts = file.map_or_else(|| Ok(Object::new()), read_contexts)?;
    let known: Vec<&str> = CONTEXTS.into_iter().chain(contexts.iter().map(|(name, _)| name)).collect();
    let value = if source.contains("${{") {
        let template = Template::parse_with(source, &known).map_err(unparsed)?;
        template.evaluate_value(&Contexts::new(contexts)).map_err(Error::input)?
    } else {
        let expr = Expr::parse_with(source, &known).map_err(unparsed)?;
        expr.evaluate(&Contexts::new(contexts)).map_err(Error::input)?
    };
    let text = if value.is_primitive() {
        value.to_display_string().into_owned()
    } else {
        serde_json::to_string_pretty(&value).map_err(Error::input)?
    };
    written(writeln!(io::stdout(), "{text}"), ExitCode::SUCCESS)
}

fn unparsed(error: ParseError) -> Error {
    match &error.suggestion {
        Some(name) => Error::input(&error).hint(format!("did you mean `{name}`?")),
        None => Error::input(&error),
    }
}

fn read_contexts(path: &Path) -> Result<Object, Error> {
    let shown = path.display();
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(MAX_INPUT as u64 + 1).read_to_string(&mut text))
        .map_err(|e| Error::input(format!("cannot read contexts from {shown}: {e}")))?;
    if text.len() > MAX_INPUT {
        return Err(Error::input(format!("contexts in {shown} are longer than {MAX_INPUT} bytes")));
    }
    match expr::read_json(&text, &Memory::new(MAX_CONTEXTS)) {
        Ok(Value::Object(contexts)) => Ok((*contexts).clone()),
        Ok(other) => {
            Err(Error::input(format!("contexts in {shown} are to be an object, not {}", other.kind())))
        }
        Err(e) => Err(Error::input(format!("contexts in {shown} are no JSON: {e}"))),
    }
}

/// The answer to one line.
#[derive(Serialize)]
#[serde(untagged)]
enum Answer {
    Value { kind: &'static str, value: Value },
    Error { err: Fault },
}

#[derive(Serialize)]
struct Fault {
    kind: &'static str,
    value: String,
}

impl Answer {
    fn error(kind: &'static str, value: impl ToString) -> Self {
        Answer::Error { err: Fault { kind, value: value.to_string() } }
    }

    /// Whether the line wasn't of the documented form.
    fn is_bad_input(&self) -> bool {
        matches!(self, Answer::Error { err: Fault { kind: "input", .. } })
    }
}

impl From<Value> for Answer {
    fn from(value: Value) -> Self {
        let kind = value.kind();
        let value = match value {
            // Nothing is lost to JSON's lack of such numbers.
            Value::Number(n) if !n.is_finite() => Value::from(&*value.to_display_string()),
            value => value,
        };
        Answer::Value { kind: Kind::name(kind), value }
    }
}

impl From<ParseError> for Answer {
    fn from(error: ParseError) -> Self {
        let kind = match error.kind {
            ParseErrorKind::Lexing => "lexing",
            ParseErrorKind::Parsing => "parsing",
        };
        Answer::error(kind, error)
    }
}

impl From<EvalError> for Answer {
    fn from(error: EvalError) -> Self {
        Answer::error("evaluation", error)
    }
}

/// Answers line by line; blank lines are skipped.
fn lines(input: impl Read, output: impl Write) -> Result<ExitCode, Error> {
    let (mut input, mut output) = (BufReader::new(input), BufWriter::new(output));
    let mut code = 0;
    let mut line = Vec::new();
    let result = loop {
        line.clear();
        // Whoever asks one question at a time waits for the answer.
        if !input.buffer().contains(&b'\n')
            && let Err(e) = output.flush()
        {
            break Err(e);
        }
        match input.by_ref().take(MAX_INPUT as u64 + 1).read_until(b'\n', &mut line) {
            Ok(0) => break output.flush(),
            Ok(_) => {}
            Err(e) => return Err(Error::input(format!("cannot read standard input: {e}"))),
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        let answer = if line.len() > MAX_INPUT && !line.ends_with(b"\n") {
            input.skip_until(b'\n').map_err(|e| Error::input(format!("cannot read standard input: {e}")))?;
            Answer::error("input", format!("the line is longer than {MAX_INPUT} bytes"))
        } else {
            answer(&line).unwrap_or_else(|error| error)
        };
        if answer.is_bad_input() {
            code = Blame::Input.code();
        }
        let mut write = || {
            serde_json::to_writer(&mut output, &answer)?;
            output.write_all(b"\n")
        };
        if let Err(e) = write() {
            break Err(e);
        }
    };
    written(result, ExitCode::from(code))
}

fn answer(line: &[u8]) -> Result<Answer, Answer> {
    let text = std::str::from_utf8(line).map_err(|e| Answer::error("input", e))?;
    let question =
        expr::read_json(text, &Memory::new(MAX_CONTEXTS)).map_err(|e| Answer::error("input", e))?;
    let Some(Value::String(source)) = question.get("expr") else {
        return Err(Answer::error("input", "the line has no text `expr`"));
    };
    let contexts = match question.get("contexts") {
        Some(Value::Object(contexts)) => (**contexts).clone(),
        None | Some(Value::Null) => Object::new(),
        Some(_) => return Err(Answer::error("input", "`contexts` is not an object")),
    };
    let known: Vec<&str> = contexts.iter().map(|(name, _)| name).collect();
    let expr = Expr::parse_with(source, &known)?;
    Ok(expr.evaluate(&Contexts::new(contexts.clone()))?.into())
}

/// What writing came to; a reader that has read enough is no failure.
fn written(result: io::Result<()>, code: ExitCode) -> Result<ExitCode, Error> {
    match result {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::input(format!("cannot write to standard output: {e}")))
        }
        _ => Ok(code),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(input: &str) -> String {
        let mut output = Vec::new();
        lines(input.as_bytes(), &mut output).unwrap();
        String::from_utf8(output).unwrap()
    }

    #[test]
    fn one_typed_answer_a_line() {
        let input = r#"
            {"expr":"github.ref","contexts":{"github":{"ref":"main"}}}
            {"expr":"1 == 1"}
            {"expr":"2.50","contexts":null}
            {"expr":"-Infinity"}
            {"expr":"null","contexts":{}}
            {"expr":"fromJSON('[1,{\"a\":1e300}]')"}
            {"expr":"a","contexts":{"A":{"b":[]}}}

            {"expr":"github.ref","contexts":{"env":{}}}
            {"expr":"'open"}
            {"expr":"fromJSON('')"}
            {"expr":"failure()","contexts":{"job":{"status":"failure"}}}
            {"expr":1}
            {"expr":"1","contexts":[]}
            nonsense
        "#;
        insta::assert_snapshot!(answers(input), @r#"
        {"kind":"String","value":"main"}
        {"kind":"Boolean","value":true}
        {"kind":"Number","value":2.5}
        {"kind":"Number","value":"-Infinity"}
        {"kind":"Null","value":null}
        {"kind":"Array","value":[1,{"a":1e+300}]}
        {"kind":"Object","value":{"b":[]}}
        {"err":{"kind":"parsing","value":"Unrecognized named-value: 'github'. Located at position 1 within expression: github.ref"}}
        {"err":{"kind":"lexing","value":"Unexpected symbol: ''open'. Located at position 1 within expression: 'open"}}
        {"err":{"kind":"evaluation","value":"Error parsing JSON when evaluating fromJson: empty input. Located within expression: fromJSON('')"}}
        {"kind":"Boolean","value":true}
        {"err":{"kind":"input","value":"the line has no text `expr`"}}
        {"err":{"kind":"input","value":"`contexts` is not an object"}}
        {"err":{"kind":"input","value":"expected ident at line 1 column 14"}}
        "#);
    }

    #[test]
    fn a_line_that_is_too_long_is_answered_and_skipped() {
        let input = format!("{{\"expr\":\"'{}'\"}}\n{{\"expr\":\"1\"}}\n", "x".repeat(MAX_INPUT));
        insta::assert_snapshot!(answers(&input), @r#"
        {"err":{"kind":"input","value":"the line is longer than 16777216 bytes"}}
        {"kind":"Number","value":1}
        "#);
    }
}
