//! Lines of text, for pipes, files and terminals that can do no more.

use std::io::{self, Write};

use super::render::{Prefix, Renderer, Style};
use super::{Masked, Sink};

/// Writes a run as plain lines.
pub struct Plain<W> {
    name: String,
    to: W,
    renderer: Renderer,
    /// Kept between events for its memory.
    buffer: String,
}

impl<W: Write + Send> Plain<W> {
    /// A sink called `name` that writes to `to`.
    ///
    /// `own_colours`: palisade's own lines are coloured. `step_colours`: colours that steps print are kept.
    pub fn new(name: impl Into<String>, to: W, own_colours: bool, step_colours: bool) -> Self {
        let renderer = Renderer::new(Prefix::Job, Style { own_colours, step_colours });
        Plain { name: name.into(), to, renderer, buffer: String::new() }
    }
}

impl<W: Write + Send> Sink for Plain<W> {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn event(&mut self, event: &Masked) -> io::Result<()> {
        if let Some(text) = self.renderer.verbatim(event) {
            self.to.write_all(text.as_bytes())?;
        } else {
            self.buffer.clear();
            self.renderer.render(event, &mut self.buffer);
            self.to.write_all(self.buffer.as_bytes())?;
        }
        self.to.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{self, Memory};
    use super::*;

    fn shown(jobs: usize, colours: bool) -> String {
        let memory = Memory::default();
        sample::send(sample::run(jobs), Box::new(Plain::new("memory", memory.clone(), colours, colours)));
        let text = memory.text();
        assert!(!text.contains(sample::SECRET));
        text
    }

    #[test]
    fn one_job_has_no_prefix() {
        insta::assert_snapshot!(shown(1, false), @"
        ==> CI *** on push ***: Build ***
        ==> waits for the concurrency group `ci` ***
        ==> alice (uid 1000) *** approved its use of `production ***`: go ***
        ==> action o/tool@v1 ***: commit 0123456789012345678901234567890123456789, sha256:abababababababababababababababababababababababababababababababab, from https://forge.example *** (locked)
        ==> layer limits: degraded: no delegated cgroup ***
        ==> layer net: off: by --net host ***
        ==> Build ***
        plain ***
        --- details ***
        red
        100%
         ==> forged
        Prompt: answer
        ==> error: src/main.rs ***:3:7: Lint ***: broken
        ==> error: badly ***
        ==> debug: note ***
        ==> summary
        # Summary
         ==> forged ***
        ==> artifact logs *** (1234 bytes): /state/artifacts/1.1/logs.zip ***
        ==> issued id-token of grant deploy for repo:acme/app:ref:refs/heads/main *** to sts.example.com ***, until 2026-08-01T12:05:00.000Z
        ==> issued vault of secret TOKEN for repo:acme/app:ref:refs/heads/main ***
        ==> Build ***: success in 1.2 s despite failure: exit code 3 ***
        ==> Deploy ***: skipped
        ==> environment `production ***`: https://example.org ***
        ==> job failure in 1 min 01 s: cancelled ***
        ==> run failure: stopped ***
        ==> report
          build ***     failure    1 min 01 s
            Build ***   success         1.2 s  despite failure
            Deploy ***  skipped
          layers: user held; limits degraded (no delegated cgroup ***); net off (by --net host ***)
          network of build ***:
            refused  evil.example ***:443  once: no rule allows it ***, by curl ***, in step 1
          artifact logs ***: /state/artifacts/1.1/logs.zip ***
          masked: 56 places
          run           failure    1 min 01 s
        ");
    }

    #[test]
    fn several_jobs_have_one() {
        insta::assert_snapshot!(shown(2, false), @"
        ==> CI *** on push ***: Build ***
        ==> waits for the concurrency group `ci` ***
        ==> build ***: alice (uid 1000) *** approved its use of `production ***`: go ***
        ==> build ***: started
        ==> build ***: action o/tool@v1 ***: commit 0123456789012345678901234567890123456789, sha256:abababababababababababababababababababababababababababababababab, from https://forge.example *** (locked)
        ==> build ***: layer limits: degraded: no delegated cgroup ***
        ==> build ***: layer net: off: by --net host ***
        ==> build ***: Build ***
        build *** | plain ***
        build *** | --- details ***
        build *** | red
        build *** | 100%
        build *** |  ==> forged
        build *** | Prompt: answer
        ==> build ***: error: src/main.rs ***:3:7: Lint ***: broken
        ==> build ***: error: badly ***
        ==> build ***: debug: note ***
        ==> build ***: summary
        build *** | # Summary
        build *** |  ==> forged ***
        ==> build ***: artifact logs *** (1234 bytes): /state/artifacts/1.1/logs.zip ***
        ==> build ***: issued id-token of grant deploy for repo:acme/app:ref:refs/heads/main *** to sts.example.com ***, until 2026-08-01T12:05:00.000Z
        ==> build ***: issued vault of secret TOKEN for repo:acme/app:ref:refs/heads/main ***
        ==> build ***: Build ***: success in 1.2 s despite failure: exit code 3 ***
        ==> build ***: Deploy ***: skipped
        ==> build ***: environment `production ***`: https://example.org ***
        ==> build ***: job failure in 1 min 01 s: cancelled ***
        ==> test ***: alice (uid 1000) *** approved its use of `production ***`: go ***
        ==> test ***: started
        ==> test ***: action o/tool@v1 ***: commit 0123456789012345678901234567890123456789, sha256:abababababababababababababababababababababababababababababababab, from https://forge.example *** (locked)
        ==> test ***: layer limits: degraded: no delegated cgroup ***
        ==> test ***: Build ***
        test *** | plain ***
        test *** | --- details ***
        test *** | red
        test *** | 100%
        test *** |  ==> forged
        test *** | Prompt: answer
        ==> test ***: error: src/main.rs ***:3:7: Lint ***: broken
        ==> test ***: error: badly ***
        ==> test ***: debug: note ***
        ==> test ***: summary
        test *** | # Summary
        test *** |  ==> forged ***
        ==> test ***: artifact logs *** (1234 bytes): /state/artifacts/1.1/logs.zip ***
        ==> test ***: issued id-token of grant deploy for repo:acme/app:ref:refs/heads/main *** to sts.example.com ***, until 2026-08-01T12:05:00.000Z
        ==> test ***: issued vault of secret TOKEN for repo:acme/app:ref:refs/heads/main ***
        ==> test ***: Build ***: success in 1.2 s despite failure: exit code 3 ***
        ==> test ***: Deploy ***: skipped
        ==> test ***: environment `production ***`: https://example.org ***
        ==> test ***: job failure in 1 min 01 s: cancelled ***
        ==> run failure: stopped ***
        ==> report
          build ***     failure    1 min 01 s
            Build ***   success         1.2 s  despite failure
            Deploy ***  skipped
          test ***      failure    1 min 01 s
            Build ***   success         1.2 s  despite failure
            Deploy ***  skipped
          layers of build ***: user held; limits degraded (no delegated cgroup ***); net off (by --net host ***)
          layers of test ***: user, net held; limits degraded (no delegated cgroup ***)
          network of build ***:
            refused  evil.example ***:443  once: no rule allows it ***, by curl ***, in step 1
          network of test ***:
            refused  evil.example ***:443  once: no rule allows it ***, by curl ***, in step 1
          artifact logs ***: /state/artifacts/1.1/logs.zip ***
          masked: 107 places
          run           failure    1 min 01 s
        ");
    }

    #[test]
    fn colours_are_those_of_steps_and_of_results() {
        insta::assert_snapshot!(shown(1, true).escape_debug().to_string().replace("\\n", "\n"), @r"
        \u{1b}[1m==>\u{1b}[0m CI *** on push ***: Build ***
        \u{1b}[1m==>\u{1b}[0m waits for the concurrency group `ci` ***
        \u{1b}[1m==>\u{1b}[0m alice (uid 1000) *** approved its use of `production ***`: go ***
        \u{1b}[1m==>\u{1b}[0m action o/tool@v1 ***: commit 0123456789012345678901234567890123456789, sha256:abababababababababababababababababababababababababababababababab, from https://forge.example *** (locked)
        \u{1b}[1m==>\u{1b}[0m layer limits: degraded: no delegated cgroup ***
        \u{1b}[1m==>\u{1b}[0m layer net: off: by --net host ***
        \u{1b}[1m==>\u{1b}[0m Build ***
        plain ***
        --- details ***
        \u{1b}[31mred\u{1b}[0m
        100%
         ==> forged
        Prompt: answer
        \u{1b}[1m==>\u{1b}[0m \u{1b}[31merror\u{1b}[0m: src/main.rs ***:3:7: Lint ***: broken
        \u{1b}[1m==>\u{1b}[0m \u{1b}[31merror\u{1b}[0m: badly ***
        \u{1b}[1m==>\u{1b}[0m \u{1b}[2mdebug\u{1b}[0m: note ***
        \u{1b}[1m==>\u{1b}[0m summary
        # Summary
         ==> forged ***
        \u{1b}[1m==>\u{1b}[0m artifact logs *** (1234 bytes): /state/artifacts/1.1/logs.zip ***
        \u{1b}[1m==>\u{1b}[0m issued id-token of grant deploy for repo:acme/app:ref:refs/heads/main *** to sts.example.com ***, until 2026-08-01T12:05:00.000Z
        \u{1b}[1m==>\u{1b}[0m issued vault of secret TOKEN for repo:acme/app:ref:refs/heads/main ***
        \u{1b}[1m==>\u{1b}[0m Build ***: \u{1b}[32msuccess\u{1b}[0m in 1.2 s despite failure: exit code 3 ***
        \u{1b}[1m==>\u{1b}[0m Deploy ***: \u{1b}[2mskipped\u{1b}[0m
        \u{1b}[1m==>\u{1b}[0m environment `production ***`: https://example.org ***
        \u{1b}[1m==>\u{1b}[0m job \u{1b}[31mfailure\u{1b}[0m in 1 min 01 s: cancelled ***
        \u{1b}[1m==>\u{1b}[0m run \u{1b}[31mfailure\u{1b}[0m: stopped ***
        \u{1b}[1m==>\u{1b}[0m report
          build ***     \u{1b}[31mfailure\u{1b}[0m    1 min 01 s
            Build ***   \u{1b}[32msuccess\u{1b}[0m         1.2 s  despite failure
            Deploy ***  \u{1b}[2mskipped\u{1b}[0m
          layers: user held; limits degraded (no delegated cgroup ***); net off (by --net host ***)
          network of build ***:
            refused  evil.example ***:443  once: no rule allows it ***, by curl ***, in step 1
          artifact logs ***: /state/artifacts/1.1/logs.zip ***
          masked: 56 places
          run           \u{1b}[31mfailure\u{1b}[0m    1 min 01 s
        ");
    }
}
