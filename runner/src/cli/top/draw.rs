//! One picture of the terminal.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::{Block, Borders, LineGauge, Paragraph, Row, Table, TableState};

use super::View;
use crate::workflow::escape;

/// The least lines that a job's output has, where the terminal has them.
const LEAST: u16 = 5;

/// Draws the daemon, its tasks, and the last lines of the one that is chosen.
pub fn draw(frame: &mut Frame<'_>, view: &View, chosen: usize) {
    let tasks = view.tasks.len().saturating_add(1).min(usize::from(u16::MAX)) as u16;
    let parts =
        [Constraint::Length(1), Constraint::Length(1), Constraint::Max(tasks), Constraint::Min(LEAST)];
    let [head, slots, list, output] = Layout::vertical(parts).areas(frame.area());
    frame.render_widget(Line::styled(&view.daemon, Style::new().add_modifier(Modifier::BOLD)), head);
    let (taken, all) = view.slots;
    let ratio = if all == 0 { 0.0 } else { (taken as f64 / all as f64).min(1.0) };
    frame.render_widget(LineGauge::default().ratio(ratio).label(format!("{taken} of {all} slots")), slots);
    let rows = view.tasks.iter().map(|task| {
        Row::new([&task.id, &task.job, &task.repository, &task.step, &task.time].map(|cell| escape(cell)))
    });
    let widths = [
        Constraint::Length(14),
        Constraint::Fill(2),
        Constraint::Fill(2),
        Constraint::Length(12),
        Constraint::Length(14),
    ];
    let heading = Row::new(["TASK", "JOB", "REPOSITORY", "STEP", "TIME"]).style(Modifier::DIM);
    let table = Table::new(rows, widths).header(heading).row_highlight_style(Modifier::REVERSED);
    let mut state = TableState::new().with_selected((!view.tasks.is_empty()).then_some(chosen));
    frame.render_stateful_widget(table, list, &mut state);
    let title = match view.tasks.get(chosen) {
        Some(task) => format!(" {} {} ", task.id, escape(&task.job)),
        None => " no job runs ".to_owned(),
    };
    let block = Block::new().borders(Borders::TOP).title(title).title_bottom(" q ends ");
    let room = usize::from(block.inner(output).height);
    let lines = view.tasks.get(chosen).map(|task| task.lines.as_slice()).unwrap_or_default();
    let lines = lines[lines.len().saturating_sub(room)..].iter().map(|line| Line::raw(line.as_str()));
    frame.render_widget(Paragraph::new(lines.collect::<Vec<_>>()).block(block), output);
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::super::tests::view;
    use super::*;

    fn picture(width: u16, height: u16, view: &View, chosen: usize) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| draw(frame, view, chosen)).unwrap();
        terminal.backend().to_string()
    }

    #[test]
    fn a_terminal_gets_a_picture() {
        insta::assert_snapshot!(picture(60, 12, &view(), 0), @r#"
        "palisade 1.0.0: running, 2 of 4 slots taken                 "
        "2 of 4 slots ───────────────────────────────────────────────"
        "TASK           JOB      REPOSITO STEP         TIME          "
        "local 1        build\u{ o/r      1 of 3       12 ms         "
        "local 2        build\u{ o/r      1 of 3       12 ms         "
        " local 1 build\u{1b}[2J ────────────────────────────────────"
        "two                                                         "
        "three                                                       "
        "four                                                        "
        "five                                                        "
        "six                                                         "
        " q ends                                                     "
        "#);
        insta::assert_snapshot!(picture(60, 8, &View::default(), 0), @r#"
        "                                                            "
        "0 of 0 slots ───────────────────────────────────────────────"
        "TASK           JOB      REPOSITO STEP         TIME          "
        " no job runs ───────────────────────────────────────────────"
        "                                                            "
        "                                                            "
        "                                                            "
        " q ends                                                     "
        "#);
    }

    #[test]
    fn no_size_is_too_small() {
        for (width, height) in [(1, 1), (5, 2), (2, 40), (300, 3)] {
            picture(width, height, &view(), 1);
        }
    }
}
