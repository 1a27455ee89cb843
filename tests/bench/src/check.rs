//! A workflow of 1,000 lines to check.

use std::fs;
use std::path::Path;

/// Lines of the workflow.
const LINES: usize = 1000;

const HEAD: &str = "on: [push, pull_request]\npermissions: { contents: read }\njobs:\n";

const JOB: &str = "    runs-on: ubuntu-latest\n    env: { A: '${{ github.sha }}' }\n    steps:\n";

const STEP: &str = "      - uses: actions/checkout@v4
        with: { fetch-depth: 0, ref: '${{ github.ref }}' }
      - name: Build of ${{ github.job }}
        if: github.event_name == 'push' && !cancelled()
        run: |
          echo \"a=${{ env.A }}\" >> \"$GITHUB_OUTPUT\"
          cargo build --workspace --locked
        env: { B: \"${{ hashFiles('**/Cargo.lock') }}\" }
";

/// Writes it to a repository in `dir`; its path there.
pub fn workflow(dir: &Path) -> &'static str {
    let mut text = HEAD.to_owned();
    let mut job = 0;
    while text.lines().count() < LINES {
        text.push_str(&format!("  job{job}:\n{JOB}"));
        text.extend(std::iter::repeat_n(STEP, 4));
        job += 1;
    }
    let path = ".github/workflows/large.yml";
    fs::create_dir_all(dir.join(".github/workflows")).expect("a directory for the workflow");
    fs::create_dir(dir.join(".git")).expect("a directory that makes it a repository");
    fs::write(dir.join(path), text).expect("the workflow");
    path
}
