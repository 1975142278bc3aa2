//! The tables in `README.md`, between markers.

use crate::Result;

/// The text with what stands between the markers of this name replaced.
///
/// # Errors
/// The markers are missing or in the wrong order.
pub fn put(text: &str, name: &str, content: &str) -> Result<String> {
    let (begin, end) = (format!("<!-- {name}: begin -->\n"), format!("<!-- {name}: end -->"));
    let lost = || format!("the markers of {name:?} are missing");
    let from = text.find(&begin).ok_or_else(lost)? + begin.len();
    let length = text[from..].find(&end).ok_or_else(lost)?;
    Ok(format!("{}{}\n{}", &text[..from], content.trim_end(), &text[from + length..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_between_the_markers_changes() {
        let text = "a\n<!-- x: begin -->\nold\n<!-- x: end -->\nb\n<!-- y: begin -->\n<!-- y: end -->\n";
        let text = put(text, "x", "new\n").unwrap();
        assert_eq!(text, "a\n<!-- x: begin -->\nnew\n<!-- x: end -->\nb\n<!-- y: begin -->\n<!-- y: end -->\n");
        assert_eq!(put(&text, "x", "new").unwrap(), text, "writing it again changes nothing");
    }

    #[test]
    fn missing_markers_are_an_error() {
        assert!(put("<!-- x: begin -->\n", "x", "").is_err());
        assert!(put("", "x", "").is_err());
    }
}
