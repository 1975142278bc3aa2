//! Money: a whole number of hundredths, 0 or more. A float would lose some of them.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// An amount or a balance. In JSON it is the number of hundredths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Money(u64);

impl Money {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// So many hundredths.
    #[must_use]
    pub const fn from_hundredths(hundredths: u64) -> Self {
        Self(hundredths)
    }

    /// How many hundredths it is.
    #[must_use]
    pub const fn hundredths(self) -> u64 {
        self.0
    }

    /// The sum; `None` when it is more than can be counted.
    #[must_use]
    pub fn plus(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// What is left; `None` when the other is larger.
    #[must_use]
    pub fn minus(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}.{:02}", self.0 / 100, self.0 % 100))
    }
}

/// Why a text is no amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Nothing stands there.
    #[error("the amount is missing")]
    Missing,
    /// A minus stands before it: the direction is the type's business.
    #[error("the amount is negative")]
    Negative,
    /// Something else than digits with at most one point between them.
    #[error("the amount is not a number")]
    NotANumber,
    /// More than two decimals.
    #[error("the amount has parts of a hundredth")]
    TooFine,
    /// More than can be counted.
    #[error("the amount is too large")]
    TooLarge,
}

impl FromStr for Money {
    type Err = MoneyError;

    /// Reads `700`, `700.5` and `700.50`.
    fn from_str(text: &str) -> Result<Self, MoneyError> {
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let (negative, unsigned) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (whole, decimals) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
        if text.is_empty() {
            return Err(MoneyError::Missing);
        }
        if !digits(whole) || !digits(decimals) {
            return Err(MoneyError::NotANumber);
        }
        if negative {
            return Err(MoneyError::Negative);
        }
        if decimals.len() > 2 {
            return Err(MoneyError::TooFine);
        }
        // Two decimals behind the whole part are the hundredths; digits alone fail to parse only when they are too many.
        format!("{whole}{decimals:0<2}").parse().map(Self).map_err(|_| MoneyError::TooLarge)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_exactly() {
        let cases = [("700", 70_000), ("700.5", 70_050), ("700.05", 70_005), ("0", 0), ("0.01", 1), ("007.10", 710)];
        for (text, hundredths) in cases {
            assert_eq!(text.parse(), Ok(Money(hundredths)), "{text}");
        }
        assert_eq!("184467440737095516.15".parse(), Ok(Money(u64::MAX)));
    }

    #[test]
    fn what_is_no_amount_is_refused_with_its_reason() {
        let cases = [
            ("", MoneyError::Missing),
            ("-1.00", MoneyError::Negative),
            ("--1", MoneyError::NotANumber),
            ("+1", MoneyError::NotANumber),
            ("1,50", MoneyError::NotANumber),
            ("1.", MoneyError::NotANumber),
            (".5", MoneyError::NotANumber),
            ("1e3", MoneyError::NotANumber),
            ("1.2.3", MoneyError::NotANumber),
            ("NaN", MoneyError::NotANumber),
            ("٣", MoneyError::NotANumber),
            ("1.000", MoneyError::TooFine),
            ("184467440737095516.16", MoneyError::TooLarge),
        ];
        for (text, error) in cases {
            assert_eq!(text.parse::<Money>(), Err(error), "{text}");
        }
    }

    #[test]
    fn money_is_shown_with_two_decimals() {
        assert_eq!(format!("{:>8}|{}", Money(70_005), Money(7)), "  700.05|0.07");
    }

    #[test]
    fn sums_are_checked() {
        assert_eq!(Money(u64::MAX).plus(Money(1)), None);
        assert_eq!(Money(1).minus(Money(2)), None);
        assert_eq!(Money(2).minus(Money(2)), Some(Money::ZERO));
    }
}
