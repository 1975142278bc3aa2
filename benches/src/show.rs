//! Figures as text.

/// A number with its thousands set apart; two digits behind the point when it is small; a dash when there is none.
#[must_use]
pub fn count(figure: f64) -> String {
    if !figure.is_finite() {
        "–".to_owned()
    } else if figure.abs() < 10.0 {
        format!("{figure:.2}")
    } else if figure.abs() < 100.0 {
        format!("{figure:.1}")
    } else {
        let digits = format!("{:.0}", figure.abs());
        let mut text = String::from(if figure < 0.0 { "-" } else { "" });
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at) % 3 == 0 {
                text.push(',');
            }
            text.push(digit);
        }
        text
    }
}

/// How many times something: `4.2 ×`.
#[must_use]
pub fn times(figure: f64) -> String {
    format!("{} ×", count(figure))
}

/// Bytes, in the unit that fits.
#[must_use]
pub fn bytes(figure: f64) -> String {
    const UNITS: [&str; 4] = ["B", "KiB", "MiB", "GiB"];
    let (mut figure, mut unit) = (figure, 0);
    while figure >= 1024.0 && unit + 1 < UNITS.len() {
        (figure, unit) = (figure / 1024.0, unit + 1);
    }
    format!("{} {}", count(figure), UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!([1_234_567.4, 100.0, 99.94, 9.987, -1500.0].map(count), ["1,234,567", "100", "99.9", "9.99", "-1,500"]);
        assert_eq!(count(f64::NAN), "–");
    }

    #[test]
    fn bytes_have_the_unit_that_fits() {
        assert_eq!([12.0, 2048.0, 5.0 * 1024.0 * 1024.0].map(bytes), ["12.0 B", "2.00 KiB", "5.00 MiB"]);
    }
}
