//! What an excerpt may show: the line, without anything that might be a secret.
//!
//! Strings that stand where a secret belongs are masked by their exact place. Beyond that the line itself is searched,
//! because a line that is not TOML, or a key that does not exist, has no place to go by.

use std::ops::Range;

/// The line as it may be shown, and the marked part of it in characters.
pub(super) fn excerpt(raw: &str, mark: Range<usize>, masks: &[Range<usize>], broken: bool) -> (String, (usize, usize)) {
    let mut hidden: Vec<Range<usize>> = masks.iter().map(|mask| inside_quotes(raw, mask)).collect();
    hidden.extend(urls(raw));
    hidden.extend(webhook_secrets(raw));
    if broken {
        hidden.extend(after_secret_word(raw));
    }
    let mut shown = String::with_capacity(raw.len());
    let (mut start, mut end, mut in_mask) = (None, None, false);
    for (at, character) in raw.char_indices() {
        if at >= mark.start && start.is_none() {
            start = Some(shown.chars().count());
        }
        if at >= mark.end && end.is_none() {
            end = Some(shown.chars().count());
        }
        let masked = hidden.iter().any(|range| range.contains(&at));
        let follows = std::mem::replace(&mut in_mask, masked);
        match character {
            _ if masked && follows => {}
            _ if masked => shown.push('\u{2026}'),
            '\r' => {}
            '\t' => shown.push(' '),
            control if control.is_control() => shown.push('\u{fffd}'),
            plain => shown.push(plain),
        }
    }
    let count = shown.chars().count();
    let start = start.unwrap_or(count);
    (shown, (start, end.unwrap_or(count).saturating_sub(start)))
}

/// Keeps the quotes of a masked string, so that the reader sees that a string stands there.
fn inside_quotes(raw: &str, mask: &Range<usize>) -> Range<usize> {
    let text = raw.get(mask.start..mask.end.min(raw.len())).unwrap_or_default();
    let quoted = text.len() >= 2 && text.starts_with(['"', '\'']) && text.ends_with(['"', '\'']);
    if quoted { mask.start + 1..mask.start + text.len() - 1 } else { mask.clone() }
}

/// The parts of URLs in which tokens travel: user information, and all from the query on.
fn urls(raw: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for (at, _) in raw.match_indices("://") {
        let body = at + 3;
        let rest = raw.get(body..).unwrap_or_default();
        let end = body + rest.find(['"', '\'']).unwrap_or(rest.len());
        let url = raw.get(body..end).unwrap_or_default();
        let authority = url.find(['/', '?', '#']).unwrap_or(url.len());
        if let Some(user) = url.get(..authority).and_then(|host| host.rfind('@')) {
            found.push(body..body + user);
        }
        if let Some(query) = url.find(['?', '#']) {
            found.push(body + query + 1..end);
        }
    }
    found
}

/// Secrets in the form of the Standard Webhooks specification, wherever they stand.
fn webhook_secrets(raw: &str) -> Vec<Range<usize>> {
    let token =
        |rest: &str| rest.find(|c: char| !c.is_ascii_alphanumeric() && !"+/=_-".contains(c)).unwrap_or(rest.len());
    let starts =
        ["whsec_", "whsk_"].into_iter().flat_map(|word| raw.match_indices(word).map(move |(at, _)| at + word.len()));
    starts.map(|at| at..at + token(raw.get(at..).unwrap_or_default())).collect()
}

/// On a line that is not TOML: all that follows a word under which secrets are kept.
fn after_secret_word(raw: &str) -> Option<Range<usize>> {
    let lower = raw.to_ascii_lowercase();
    let first = SECRET_WORDS.iter().filter_map(|word| lower.find(word).map(|at| at + word.len())).min()?;
    let equals = raw.get(first..).and_then(|rest| rest.find(['=', ':'])).map_or(first, |at| first + at + 1);
    Some(equals..raw.len())
}

const SECRET_WORDS: [&str; 9] =
    ["password", "passwd", "secret", "signing", "token", "bearer", "auth", "key", "credential"];

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(raw: &str) -> String {
        excerpt(raw, 0..1, &[], false).0
    }

    #[test]
    fn urls_show_host_and_path_only() {
        assert_eq!(
            plain("u = \"https://bob:pw@h.example/p?t=1\" # x"),
            "u = \"https://\u{2026}@h.example/p?\u{2026}\" # x"
        );
        assert_eq!(plain("u = \"wss://h.example/p\""), "u = \"wss://h.example/p\"");
    }

    #[test]
    fn webhook_secrets_never_show() {
        assert_eq!(plain("signing = \"whsec_C2FVsBQIhrscChlQIMV+b5/sdbu=\""), "signing = \"whsec_\u{2026}\"");
    }

    #[test]
    fn a_broken_line_hides_what_follows_a_secret_word() {
        let (shown, mark) = excerpt("password = hunter2", 11..18, &[], true);
        assert_eq!(shown, "password =\u{2026}");
        assert_eq!(mark.0, 11);
        assert_eq!(excerpt("x = \"a", 4..6, &[], true).0, "x = \"a");
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(plain("a\t=\u{1b}[31m1\r"), "a =\u{fffd}[31m1");
    }
}
