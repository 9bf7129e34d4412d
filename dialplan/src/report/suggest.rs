//! "Did you mean": the nearest of the known words.

/// The nearest known word, if one is near enough to be meant.
pub(crate) fn did_you_mean<'w>(word: &str, known: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    let word = word.to_lowercase();
    if word.chars().count() > LONGEST_WORD {
        return None;
    }
    known
        .into_iter()
        .map(|candidate| (distance(&word, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= tolerated(candidate))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// `a`, `b` or `c`, each in backquotes.
pub(crate) fn join_words(words: impl IntoIterator<Item: AsRef<str>>) -> String {
    let quoted: Vec<String> = words.into_iter().map(|word| format!("`{}`", word.as_ref())).collect();
    match quoted.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
    }
}

/// How many slips of the pen a word of this length may hold.
fn tolerated(candidate: &str) -> usize {
    match candidate.chars().count() {
        0..=2 => 0,
        3..=5 => 1,
        6..=9 => 2,
        _ => 3,
    }
}

/// Edits between two words; a swap of neighbours counts as one (optimal string alignment).
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=right.len()).collect();
    let mut previous: Option<char> = None;
    for (row, from) in left.chars().enumerate() {
        let mut current = vec![row + 1];
        for (column, to) in right.iter().enumerate() {
            let at = |line: &[usize], index: usize| line.get(index).copied().unwrap_or(usize::MAX / 2);
            let mut best = (at(&above, column) + usize::from(from != *to))
                .min(at(&above, column + 1) + 1)
                .min(at(&current, column) + 1);
            let swapped = column > 0 && previous == Some(*to) && right.get(column - 1) == Some(&from);
            if swapped && row > 0 {
                best = best.min(at(&before, column - 1) + 1);
            }
            current.push(best);
        }
        before = std::mem::replace(&mut above, current);
        previous = Some(from);
    }
    above.last().copied().unwrap_or(0)
}

/// Longer than this is no slip of the pen; it also bounds the work.
const LONGEST_WORD: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_word_within_reach() {
        let known = ["listen", "domain", "certificate", "key"];
        assert_eq!(did_you_mean("lsiten", known), Some("listen"));
        assert_eq!(did_you_mean("Certficate", known), Some("certificate"));
        assert_eq!(did_you_mean("kye", known), Some("key"));
        assert_eq!(did_you_mean("password", known), None);
        assert_eq!(did_you_mean(&"l".repeat(10_000), known), None);
    }

    #[test]
    fn words_are_joined_as_a_sentence() {
        assert_eq!(join_words(["a"]), "`a`");
        assert_eq!(join_words(["a", "b", "c"]), "`a`, `b` or `c`");
        assert_eq!(join_words([""; 0]), "");
    }
}
