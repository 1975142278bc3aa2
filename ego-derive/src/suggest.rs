//! Did you mean …?

/// ``; did you mean `event`?`` for a word that is nearly one of these, else nothing.
pub(crate) fn did_you_mean(word: &str, known: &[&str]) -> String {
    let near = known.iter().map(|known| (distance(word, known), known)).min();
    match near {
        Some((distance, known)) if distance <= known.len().div_ceil(3) => format!("; did you mean `{known}`?"),
        _ => String::new(),
    }
}

/// How many letters must be inserted, removed or replaced.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::did_you_mean;

    #[test]
    fn a_slip_is_recognized_and_another_word_is_not() {
        assert_eq!(did_you_mean("evnt", &["name", "event"]), "; did you mean `event`?");
        assert_eq!(did_you_mean("verison", &["name", "version"]), "; did you mean `version`?");
        assert_eq!(did_you_mean("snapshot", &["name", "event"]), "");
    }
}
