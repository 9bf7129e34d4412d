//! The terminal: ticks and crosses, one progress line, colours only where somebody looks.

use std::io::{self, IsTerminal, Write};

use super::story::{Outcome, Step};

/// Where the story goes.
pub struct Screen {
    out: Box<dyn Write + Send>,
    colours: bool,
    live: bool,
    progress: bool,
}

/// How a text is set off.
#[derive(Clone, Copy, Debug)]
pub enum Style {
    /// Done.
    Good,
    /// Failed.
    Bad,
    /// Titles.
    Strong,
    /// Details.
    Faint,
}

impl Screen {
    /// Standard output; colours when it is a terminal and neither `NO_COLOR` (see no-color.org) nor the command line
    /// forbids them.
    pub fn stdout(no_colour: bool) -> Self {
        let live = io::stdout().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        let forbidden = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self::new(Box::new(io::stdout()), live && !no_colour && !forbidden, live)
    }

    /// Standard error, for what went wrong.
    pub fn stderr(no_colour: bool) -> Self {
        let forbidden = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let colours = io::stderr().is_terminal() && !no_colour && !forbidden;
        Self::new(Box::new(io::stderr()), colours, false)
    }

    /// Nothing is shown.
    pub fn silent() -> Self {
        Self::new(Box::new(io::sink()), false, false)
    }

    fn new(out: Box<dyn Write + Send>, colours: bool, live: bool) -> Self {
        Self { out, colours, live, progress: false }
    }

    /// `text` in `style`.
    pub fn paint(&self, style: Style, text: &str) -> String {
        if !self.colours {
            return text.into();
        }
        let code = match style {
            Style::Good => "32",
            Style::Bad => "31",
            Style::Strong => "1",
            Style::Faint => "2",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }

    /// One line.
    pub fn line(&mut self, text: &str) {
        self.clear_progress();
        self.write(&format!("{text}\n"));
    }

    /// A line with a tick: something is ready.
    pub fn ready(&mut self, text: &str) {
        let tick = self.paint(Style::Good, TICK);
        self.line(&format!("  {tick} {text}"));
    }

    /// A line with a cross: the demo could not be held.
    pub fn fail(&mut self, text: &str) {
        let cross = self.paint(Style::Bad, CROSS);
        self.line(&format!("  {cross} {text}"));
    }

    /// One of the eight steps.
    pub fn step(&mut self, step: &Step) {
        let mark = match step.outcome {
            Outcome::Done => self.paint(Style::Good, TICK),
            Outcome::Missing => self.paint(Style::Bad, CROSS),
            Outcome::NotAsked => self.paint(Style::Faint, DASH),
        };
        let title = self.paint(Style::Strong, step.title);
        self.line(&format!("  {mark} {} {title}", step.number));
        for detail in &step.details {
            let detail = self.paint(Style::Faint, detail);
            self.line(&format!("      {detail}"));
        }
    }

    /// A row of the closing table.
    pub fn row(&mut self, good: Option<bool>, name: &str, value: &str, explanation: &str) {
        let mark = match good {
            Some(true) => self.paint(Style::Good, TICK),
            Some(false) => self.paint(Style::Bad, CROSS),
            None => " ".into(),
        };
        let (value, explanation) =
            (self.paint(Style::Strong, &format!("{value:<12}")), self.paint(Style::Faint, explanation));
        self.line(format!("  {mark} {name:<18}{value} {explanation}").trim_end());
    }

    /// Draws the progress line anew; nothing where the output is no terminal.
    pub fn progress(&mut self, fraction: f64, text: &str) {
        if !self.live {
            return;
        }
        let bar = bar(fraction);
        self.write(&format!("\r\x1b[2K    {bar} {text}"));
        self.progress = true;
    }

    fn clear_progress(&mut self) {
        if std::mem::take(&mut self.progress) {
            self.write("\r\x1b[2K");
        }
    }

    fn write(&mut self, text: &str) {
        // A reader that went away (`| head`) does not end the call.
        drop(self.out.write_all(text.as_bytes()));
        drop(self.out.flush());
    }
}

impl std::fmt::Debug for Screen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Screen").field("colours", &self.colours).field("live", &self.live).finish_non_exhaustive()
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the fraction is clamped to 0..=1 before")]
fn bar(fraction: f64) -> String {
    let full = (fraction.clamp(0.0, 1.0) * f64::from(BAR)).round() as usize;
    let empty = BAR as usize - full;
    format!("{}{}", "█".repeat(full), "░".repeat(empty))
}

const BAR: u16 = 32;
const TICK: &str = "✓";
const CROSS: &str = "✗";
const DASH: &str = "–";

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl Write for Paper {
        fn write(&mut self, text: &[u8]) -> io::Result<usize> {
            self.0.lock().map_err(|_| io::ErrorKind::Other)?.extend(text);
            Ok(text.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn drawn(colours: bool, live: bool) -> String {
        let paper = Paper::default();
        let mut screen = Screen::new(Box::new(paper.clone()), colours, live);
        screen.progress(0.5, "half");
        screen.step(&Step { number: 1, title: "T", outcome: Outcome::Done, details: vec!["d".into()] });
        screen.row(Some(false), "loss", "3.0 %", "");
        let text = paper.0.lock().unwrap().clone();
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn a_pipe_gets_plain_lines_and_no_progress() {
        assert_eq!(drawn(false, false), "  ✓ 1 T\n      d\n  ✗ loss              3.0 %\n");
    }

    #[test]
    fn a_terminal_gets_colours_and_a_progress_line_that_makes_room() {
        let text = drawn(true, true);
        assert!(text.contains("\x1b[32m✓\x1b[0m 1 \x1b[1mT\x1b[0m"), "{text:?}");
        assert!(text.contains("half\r\x1b[2K  "), "{text:?}");
    }

    #[test]
    fn without_colours_no_escape_but_the_progress_line() {
        let text = drawn(false, true).replace("\r\x1b[2K", "");
        assert!(!text.contains('\x1b'), "{text:?}");
    }

    #[test]
    fn the_bar_is_full_when_all_is_done() {
        assert_eq!(bar(1.0).chars().filter(|c| *c == '█').count(), 32);
        assert_eq!(bar(0.0).chars().filter(|c| *c == '░').count(), 32);
        assert_eq!(bar(f64::INFINITY), bar(1.0));
    }
}
