//! A time in an option: `"50ms"`, `"30s"`, `"10m"`, `"2h"`, `"7d"`.

use crate::options;
use std::time::Duration;
use syn::meta::ParseNestedMeta;

/// The time behind the `=`.
pub(crate) fn duration(meta: &ParseNestedMeta, shape: &str) -> syn::Result<Duration> {
    let text = options::string(meta, shape)?;
    parse(&text.value()).ok_or_else(|| {
        let units = "`ms`, `s`, `m`, `h` or `d`";
        syn::Error::new(text.span(), format!("a whole number and its unit belong here, {units}: `{shape}`"))
    })
}

fn parse(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let milliseconds: u64 = match unit.trim_start() {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    Some(Duration::from_millis(number.parse::<u64>().ok()?.checked_mul(milliseconds)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_whole_number_and_its_unit() {
        let seconds = |text| parse(text).map(|time| time.as_secs_f64());
        assert_eq!(seconds("50ms"), Some(0.05));
        assert_eq!(seconds("30 s"), Some(30.0));
        assert_eq!((seconds("10m"), seconds("2h"), seconds("7d")), (Some(600.0), Some(7200.0), Some(604_800.0)));
        for refused in ["", "10", "m", "1.5h", "-1s", "10 minutes", "99999999999999999d"] {
            assert_eq!(seconds(refused), None, "{refused}");
        }
    }
}
