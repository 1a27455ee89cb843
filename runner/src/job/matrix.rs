//! `strategy.matrix` to combinations, as GitHub does it: the product of the axes, less `exclude`, plus
//! `include`. Source: "Running variations of jobs in a workflow" in GitHub's documentation.

use crate::expr::{EvalError, Expr, Object, Scope, Template, Value, is_insert};
use crate::workflow::model::{LiteralOr, LiteralOrList, Matrix, MatrixValue};

/// Most jobs that one matrix may make, as on GitHub.
pub const MAX_JOBS: usize = 256;
/// Deepest nesting of a value in a matrix.
const MAX_DEPTH: usize = 64;

/// Why a matrix can't be expanded.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum MatrixError {
    /// Over [`MAX_JOBS`].
    #[error("the matrix makes more than {MAX_JOBS} jobs")]
    TooMany,
    /// An axis without a value.
    #[error("matrix axis `{0}` has no values")]
    EmptyAxis(String),
    /// An entry of `exclude` that can never fit.
    #[error("`exclude` names `{0}`, which is no axis of the matrix")]
    NoAxis(String),
    /// Not what the place needs.
    #[error("{what} must be {expected}, not {found}")]
    WrongKind {
        /// The place.
        what: String,
        /// What it needs.
        expected: &'static str,
        /// What it is.
        found: &'static str,
    },
    /// Nested without end.
    #[error("a value of the matrix is nested more than {MAX_DEPTH} deep")]
    TooDeep,
    /// An expression in it failed.
    #[error("{0}")]
    Eval(String),
}

impl From<EvalError> for MatrixError {
    fn from(error: EvalError) -> Self {
        MatrixError::Eval(error.to_string())
    }
}

/// A matrix with every expression evaluated.
struct Evaluated {
    axes: Vec<(String, Vec<Value>)>,
    include: Vec<Object>,
    exclude: Vec<Object>,
}

impl Evaluated {
    fn extend(&mut self, other: Evaluated) {
        self.axes.extend(other.axes);
        self.include.extend(other.include);
        self.exclude.extend(other.exclude);
    }
}

/// All combinations, in GitHub's order. Each is the `matrix` context of one job.
pub fn expand(matrix: &LiteralOr<Matrix>, scope: &dyn Scope) -> Result<Vec<Object>, MatrixError> {
    let Evaluated { axes, include, exclude } = match matrix {
        LiteralOr::Literal(matrix) => evaluate(matrix, scope)?,
        LiteralOr::Expr(expr) => from_value(expr.evaluate(scope)?)?,
    };
    let is_axis = |key: &str| axes.iter().any(|(axis, _)| axis.eq_ignore_ascii_case(key));
    if let Some((key, _)) = exclude.iter().flat_map(Object::iter).find(|(key, _)| !is_axis(key)) {
        return Err(MatrixError::NoAxis(key.to_owned()));
    }
    let originals = product(&axes)?;
    let mut combinations: Vec<Object> =
        originals.into_iter().filter(|c| !exclude.iter().any(|e| excludes(e, c))).collect();
    let originals = combinations.len();
    if originals > MAX_JOBS {
        return Err(MatrixError::TooMany);
    }
    for extra in include {
        let mut fits = false;
        for combination in &mut combinations[..originals] {
            let same = |(key, value): (&str, &Value)| {
                !is_axis(key) || combination.get(key).is_some_and(|own| matches(value, own))
            };
            if extra.iter().all(same) {
                fits = true;
                for (key, value) in extra.iter().filter(|(key, _)| !is_axis(key)) {
                    combination.insert(key, value.clone());
                }
            }
        }
        if !fits {
            combinations.push(extra);
        }
        if combinations.len() > MAX_JOBS {
            break;
        }
    }
    if combinations.len() > MAX_JOBS {
        return Err(MatrixError::TooMany);
    }
    Ok(combinations)
}

/// Whether a combination has everything that an entry of `exclude` names. An empty entry names nothing.
fn excludes(entry: &Object, combination: &Object) -> bool {
    !entry.is_empty()
        && entry.iter().all(|(key, value)| combination.get(key).is_some_and(|own| matches(value, own)))
}

/// Whether a value is what a pattern asks for: an object may have more than the pattern.
fn matches(pattern: &Value, value: &Value) -> bool {
    match (pattern, value) {
        (Value::Object(pattern), Value::Object(value)) => {
            pattern.iter().all(|(key, p)| value.get(key).is_some_and(|v| matches(p, v)))
        }
        (Value::Array(pattern), Value::Array(value)) => {
            pattern.len() == value.len() && pattern.iter().zip(value.iter()).all(|(p, v)| matches(p, v))
        }
        _ => pattern.loosely_equals(value),
    }
}

/// The first axis varies slowest. More combinations than a matrix may make are tolerated here, since
/// `exclude` may bring them down, up to a bound.
fn product(axes: &[(String, Vec<Value>)]) -> Result<Vec<Object>, MatrixError> {
    const MAX_PRODUCT: usize = 64 * MAX_JOBS;
    if axes.is_empty() {
        return Ok(Vec::new());
    }
    let mut combinations = vec![Object::new()];
    for (axis, values) in axes {
        if values.is_empty() {
            return Err(MatrixError::EmptyAxis(axis.clone()));
        }
        if combinations.len() * values.len() > MAX_PRODUCT {
            return Err(MatrixError::TooMany);
        }
        combinations = combinations
            .iter()
            .flat_map(|combination| {
                values.iter().map(move |value| {
                    let mut next = combination.clone();
                    next.insert(axis.as_str(), value.clone());
                    next
                })
            })
            .collect();
    }
    Ok(combinations)
}

fn evaluate(matrix: &Matrix, scope: &dyn Scope) -> Result<Evaluated, MatrixError> {
    let mut evaluated = Evaluated { axes: Vec::new(), include: Vec::new(), exclude: Vec::new() };
    for (axis, values) in &matrix.axes {
        if let LiteralOr::Expr(expr) = values
            && is_insert(axis)
        {
            evaluated.extend(from_value(expr.evaluate(scope)?)?);
            continue;
        }
        let values = match values {
            LiteralOr::Literal(values) => values_of(values, scope, 0)?,
            LiteralOr::Expr(expr) => list(&format!("matrix axis `{axis}`"), expr.evaluate(scope)?)?,
        };
        // As on GitHub, a name may be an expression, which is checked when it is evaluated.
        let name = match axis.contains("${{") {
            true => Template::parse(axis).map_err(|e| EvalError::new(e.to_string()))?.evaluate(scope)?,
            false => axis.clone(),
        };
        evaluated.axes.push((name, values));
    }
    let entries = |what: &str, entries: &LiteralOrList| match entries {
        None => Ok(Vec::new()),
        Some(LiteralOr::Literal(entries)) => {
            values_of(entries, scope, 0)?.into_iter().map(|entry| object(what, entry)).collect()
        }
        Some(LiteralOr::Expr(expr)) => objects(what, expr, scope),
    };
    evaluated.include.extend(entries("an entry of `include`", &matrix.include)?);
    evaluated.exclude.extend(entries("an entry of `exclude`", &matrix.exclude)?);
    Ok(evaluated)
}

/// A matrix that is one expression as a whole.
fn from_value(matrix: Value) -> Result<Evaluated, MatrixError> {
    let matrix = object("the matrix", matrix)?;
    let mut evaluated = Evaluated { axes: Vec::new(), include: Vec::new(), exclude: Vec::new() };
    for (key, value) in matrix.iter() {
        let what = format!("`{key}` of the matrix");
        let values = list(&what, value.clone())?;
        match key {
            "include" => {
                evaluated.include = values.into_iter().map(|v| object(&what, v)).collect::<Result<_, _>>()?;
            }
            "exclude" => {
                evaluated.exclude = values.into_iter().map(|v| object(&what, v)).collect::<Result<_, _>>()?;
            }
            _ => evaluated.axes.push((key.to_owned(), values)),
        }
    }
    Ok(evaluated)
}

fn value(from: &MatrixValue, scope: &dyn Scope, depth: usize) -> Result<Value, MatrixError> {
    if depth > MAX_DEPTH {
        return Err(MatrixError::TooDeep);
    }
    Ok(match from {
        MatrixValue::Scalar(value) => value.clone(),
        MatrixValue::String(template) => template.evaluate_value(scope)?,
        MatrixValue::Array(items) => Value::from(values_of(items, scope, depth + 1)?),
        MatrixValue::Object(entries) => {
            let mut object = Object::new();
            for (key, entry) in entries {
                match value(entry, scope, depth + 1)? {
                    Value::Object(inserted) if is_insert(key) => {
                        for (key, value) in inserted.iter() {
                            object.insert(key, value.clone());
                        }
                    }
                    other if is_insert(key) => {
                        return Err(wrong("what `${{ insert }}` has", "a mapping", &other));
                    }
                    value => {
                        object.insert(key.as_str(), value);
                    }
                }
            }
            Value::from(object)
        }
    })
}

/// The values of a list. As on GitHub, an item that is an expression and gives a list stands for its items.
fn values_of(items: &[MatrixValue], scope: &dyn Scope, depth: usize) -> Result<Vec<Value>, MatrixError> {
    let mut values = Vec::with_capacity(items.len());
    for item in items {
        match (item, value(item, scope, depth)?) {
            (MatrixValue::String(_), Value::Array(several)) => values.extend(several.iter().cloned()),
            (_, one) => values.push(one),
        }
    }
    Ok(values)
}

fn objects(what: &str, expr: &Expr, scope: &dyn Scope) -> Result<Vec<Object>, MatrixError> {
    match expr.evaluate(scope)? {
        Value::Null => Ok(Vec::new()),
        value => list(what, value)?.into_iter().map(|item| object(what, item)).collect(),
    }
}

fn list(what: &str, value: Value) -> Result<Vec<Value>, MatrixError> {
    match value {
        Value::Array(items) => Ok(std::sync::Arc::unwrap_or_clone(items)),
        other => Err(wrong(what, "a list", &other)),
    }
}

fn object(what: &str, value: Value) -> Result<Object, MatrixError> {
    match value {
        Value::Object(object) => Ok(std::sync::Arc::unwrap_or_clone(object)),
        other => Err(wrong(what, "a mapping", &other)),
    }
}

fn wrong(what: &str, expected: &'static str, found: &Value) -> MatrixError {
    MatrixError::WrongKind { what: what.to_owned(), expected, found: found.kind().name() }
}

/// Whether a matrix reads a context.
pub fn reads(matrix: &LiteralOr<Matrix>, context: &str) -> bool {
    fn in_value(value: &MatrixValue, context: &str, depth: usize) -> bool {
        match value {
            // Nested too deep: expanding it fails.
            _ if depth > MAX_DEPTH => false,
            MatrixValue::Scalar(_) => false,
            MatrixValue::String(template) => template.exprs().any(|expr| in_expr(expr, context)),
            MatrixValue::Array(items) => items.iter().any(|item| in_value(item, context, depth + 1)),
            MatrixValue::Object(entries) => entries.values().any(|item| in_value(item, context, depth + 1)),
        }
    }
    fn in_expr(expr: &Expr, context: &str) -> bool {
        expr.readings().iter().any(|reading| reading.context == context)
    }
    let in_list = |list: &LiteralOr<Vec<MatrixValue>>| match list {
        LiteralOr::Literal(values) => values.iter().any(|value| in_value(value, context, 0)),
        LiteralOr::Expr(expr) => in_expr(expr, context),
    };
    match matrix {
        LiteralOr::Expr(expr) => in_expr(expr, context),
        LiteralOr::Literal(matrix) => {
            let in_name = |name: &String| {
                Template::parse(name).is_ok_and(|name| name.exprs().any(|expr| in_expr(expr, context)))
            };
            matrix.axes.keys().any(in_name)
                || matrix.axes.values().chain(&matrix.include).chain(&matrix.exclude).any(in_list)
        }
    }
}

/// What GitHub shows of a combination behind a job's name: its plain values, those of nested mappings and
/// lists included, cut at 100 characters.
pub fn display(combination: &Object) -> String {
    fn collect(value: &Value, shown: &mut Vec<String>, depth: usize) {
        match value {
            _ if depth > MAX_DEPTH => {}
            Value::Array(items) => items.iter().for_each(|item| collect(item, shown, depth + 1)),
            Value::Object(object) => object.values().for_each(|item| collect(item, shown, depth + 1)),
            plain => shown.push(plain.to_display_string().into_owned()),
        }
    }
    let mut shown = Vec::new();
    combination.values().for_each(|value| collect(value, &mut shown, 0));
    let shown = shown.join(", ");
    match shown.char_indices().nth(100) {
        Some((cut, _)) => format!("{}...", &shown[..cut]),
        None => shown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::{Contexts, Memory, read_json};

    /// A matrix as one expression; the written-out form differs only in when expressions are evaluated.
    fn expand_json(json: &str) -> Result<Vec<String>, MatrixError> {
        let memory = Memory::new(1 << 20);
        let scope = Contexts::new([("matrix", read_json(json, &memory).unwrap())].into_iter().collect());
        let matrix = LiteralOr::Expr(Expr::parse("matrix").unwrap());
        Ok(expand(&matrix, &scope)?.iter().map(|c| format!("{} | {}", keys(c), display(c))).collect())
    }

    fn keys(combination: &Object) -> String {
        combination.iter().map(|(k, _)| k).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_first_axis_varies_slowest() {
        let all = expand_json(r#"{"os": ["a", "b"], "v": [1, 2]}"#).unwrap();
        assert_eq!(all, ["os v | a, 1", "os v | a, 2", "os v | b, 1", "os v | b, 2"]);
    }

    #[test]
    fn exclude_takes_away_whatever_has_all_that_it_names() {
        let all = expand_json(
            r#"{"os": ["a", "b"], "v": [1, 2], "exclude": [{"os": "a", "v": "1"}, {"v": 3}, {}]}"#,
        );
        assert_eq!(all.unwrap(), ["os v | a, 2", "os v | b, 1", "os v | b, 2"]);
        let unknown =
            expand_json(r#"{"os": ["a"], "include": [{"x": 1}], "exclude": [{"OS": "b", "x": 1}]}"#);
        assert_eq!(unknown, Err(MatrixError::NoAxis("x".into())));
    }

    #[test]
    fn exclude_may_name_a_part_of_a_mapping() {
        let all = expand_json(
            r#"{"c": [{"os": "a", "n": 1}, {"os": "b", "n": 1}], "exclude": [{"c": {"os": "a"}}]}"#,
        );
        assert_eq!(all.unwrap(), ["c | b, 1"]);
    }

    /// The example of GitHub's documentation, "Expanding or adding matrix configurations".
    #[test]
    fn include_adds_to_what_it_fits_and_else_stands_alone() {
        let all = expand_json(
            r#"{"fruit": ["apple", "pear"], "animal": ["cat", "dog"], "include": [
                {"color": "green"},
                {"color": "pink", "animal": "cat"},
                {"fruit": "apple", "shape": "circle"},
                {"fruit": "banana"},
                {"fruit": "banana", "animal": "cat"}]}"#,
        );
        assert_eq!(
            all.unwrap(),
            [
                "fruit animal color shape | apple, cat, pink, circle",
                "fruit animal color shape | apple, dog, green, circle",
                "fruit animal color | pear, cat, pink",
                "fruit animal color | pear, dog, green",
                "fruit | banana",
                "fruit animal | banana, cat",
            ]
        );
    }

    #[test]
    fn include_alone_makes_a_job_of_each_entry() {
        let all = expand_json(r#"{"include": [{"a": 1}, {"a": 2}, {"b": true}]}"#).unwrap();
        assert_eq!(all, ["a | 1", "a | 2", "b | true"]);
    }

    #[test]
    fn bounds_hold() {
        let axis = |n: usize| format!("{:?}", (0..n).collect::<Vec<_>>());
        let count = |json: String| expand_json(&json).map(|all| all.len());
        assert_eq!(count(format!(r#"{{"a": {}}}"#, axis(256))), Ok(256));
        assert_eq!(
            count(format!(r#"{{"a": {}, "include": [{{"a": -1}}]}}"#, axis(256))),
            Err(MatrixError::TooMany)
        );
        assert_eq!(
            count(format!(r#"{{"a": {}, "b": [1, 2], "exclude": [{{"a": 0}}]}}"#, axis(130))),
            Err(MatrixError::TooMany)
        );
        let many = axis(200);
        assert_eq!(
            count(format!(r#"{{"a": {many}, "b": {many}, "c": {many}, "d": {many}}}"#)),
            Err(MatrixError::TooMany)
        );
        assert_eq!(count(r#"{"a": []}"#.into()), Err(MatrixError::EmptyAxis("a".into())));
    }

    #[test]
    fn the_wrong_kind_is_named() {
        insta::assert_snapshot!(expand_json(r#"{"a": 1}"#).unwrap_err(), @"`a` of the matrix must be a list, not Number");
        insta::assert_snapshot!(expand_json(r#"[1]"#).unwrap_err(), @"the matrix must be a mapping, not Array");
        insta::assert_snapshot!(expand_json(r#"{"include": [1]}"#).unwrap_err(), @"`include` of the matrix must be a mapping, not Number");
    }

    #[test]
    fn a_written_out_matrix_evaluates_its_parts() {
        let axis = vec![
            MatrixValue::String(Template::parse("${{ fromJSON('[1]')[0] }}").unwrap()),
            MatrixValue::Array(vec![MatrixValue::Scalar(Value::Bool(true))]),
        ];
        let mut matrix = Matrix::default();
        matrix.axes.insert("a".into(), LiteralOr::Literal(axis));
        matrix.axes.insert("b".into(), LiteralOr::Expr(Expr::parse("fromJSON('[\"x\"]')").unwrap()));
        let all = expand(&LiteralOr::Literal(matrix), &Contexts::new(Object::new())).unwrap();
        assert_eq!(all[0].get("a"), Some(&Value::Number(1.0)));
        assert_eq!(all.iter().map(display).collect::<Vec<_>>(), ["1, x", "true, x"]);
    }

    #[test]
    fn lists_and_mappings_of_expressions_are_put_in_their_place() {
        let template = |text: &str| MatrixValue::String(Template::parse(text).unwrap());
        let object = |entries: &[(&str, MatrixValue)]| {
            MatrixValue::Object(entries.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect())
        };
        let inserted = object(&[
            ("a", template("1")),
            ("${{insert}}", object(&[("b", template("2"))])),
            ("${{ insert }}", template("${{ fromJSON('{\"c\":3}') }}")),
        ]);
        let expand = |axis: Vec<MatrixValue>| {
            let mut matrix = Matrix::default();
            matrix.axes.insert("x".into(), LiteralOr::Literal(axis));
            expand(&LiteralOr::Literal(matrix), &Contexts::new(Object::new()))
        };
        let all = expand(vec![inserted, template("${{ fromJSON('[4, 5]') }}")]).unwrap();
        assert_eq!(all.iter().map(display).collect::<Vec<_>>(), ["1, 2, 3", "4", "5"]);
        assert!(expand(vec![object(&[("${{ insert }}", template("x"))])]).is_err());
    }

    #[test]
    fn what_is_inserted_into_a_matrix_stands_for_its_axes() {
        let expanded = |matrix: &str| {
            let text = format!(
                "on: push\njobs: {{ a: {{ runs-on: x, strategy: {{ matrix: {{ {matrix} }} }}, steps: [{{ run: y }}] }} }}"
            );
            let parsed = crate::workflow::parse(text.as_bytes(), std::path::Path::new("w.yml")).unwrap();
            let matrix = parsed.workflow.jobs["a"].strategy.matrix.clone().unwrap().value;
            let value = r#"{"v":[1,2],"exclude":[{"v":1}],"include":[{"v":3}]}"#;
            let memory = Memory::new(1 << 20);
            let vars = read_json(value, &memory).unwrap();
            let scope = Contexts::new([("vars", vars)].into_iter().collect());
            expand(&matrix, &scope).map(|all| all.iter().map(display).collect::<Vec<_>>().join(" | "))
        };
        for (matrix, combinations) in [
            ("'${{ insert }}': '${{ vars }}'", "2 | 3"),
            ("os: [a, b], '${{insert}}': '${{ vars }}'", "a, 2 | b, 2 | 3"),
            ("'${{ insert }}': { os: [a], include: [{ os: c }] }, v: [1]", "a, 1 | c"),
        ] {
            assert_eq!(expanded(matrix).unwrap(), combinations, "{matrix}");
        }
        assert!(expanded("'${{ insert }}': '${{ vars.v }}'").is_err());
    }

    #[test]
    fn a_long_combination_is_cut_where_people_read_it() {
        let long: Object = [("a", "é".repeat(200))].into_iter().collect();
        assert_eq!(display(&long), format!("{}...", "é".repeat(100)));
    }
}
