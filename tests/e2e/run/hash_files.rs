//! `hashFiles` over the workspace as the steps see it.

use super::{run, steps};

/// sha256 of the digest of each file, as another program computes it.
const BOTH: &str = "digest() { for f in \"$@\"; do sha256sum < \"$f\" | cut -c1-64 | xxd -r -p; done | sha256sum | cut -c1-64; }";

#[test]
fn what_steps_wrote_is_digested() {
    let (outcome, events) = run(
        &steps(&format!(
            r#"
      - run: |
          mkdir -p a/b
          echo 1 > a/one.lock
          echo 2 > a/b/two.lock
          echo 3 > other.lock
          ln -s /etc/passwd a/outside.lock
      - run: |
          {BOTH}
          test "$(digest a/b/two.lock a/one.lock)" = "${{{{ hashFiles('a/**/*.lock') }}}}" && echo all
          test "$(digest a/one.lock)" = "${{{{ hashFiles('**/*.lock', '!a/b', '!other.lock') }}}}" && echo negated
          test -z "${{{{ hashFiles('none') }}}}" && echo none
      - if: hashFiles('other.lock') != ''
        run: echo in a condition
"#
        )),
        &[],
    );
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(events.log("a"), "all\nnegated\nnone\nin a condition\n");
}

#[test]
fn outside_of_the_workspace_is_refused_with_the_pattern() {
    let (outcome, events) = run(&steps("      - run: echo ${{ hashFiles('../*') }}"), &[]);
    assert_eq!(outcome.code, Some(1));
    let steps = events.steps("a");
    assert!(steps[0].contains("the pattern `../*` is refused: it leads out of the workspace"), "{steps:?}");
}
