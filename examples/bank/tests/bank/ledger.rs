//! Ledgers to import, and what must come of them, computed without any of the program's code.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write;

pub(crate) const SMALL: &str = include_str!("../../ledger/small.asc");

/// What `bank balances` must print after the import of a ledger without mistakes.
pub(crate) fn replayed(ledger: &str) -> String {
    let mut accounts: BTreeMap<u32, (u32, u32, i128)> = BTreeMap::new();
    let mut seen = HashSet::new();
    for line in ledger.lines().skip(1) {
        let fields: Vec<_> = line.split(';').map(|field| field.trim_matches('"')).collect();
        let account = fields[1].parse().unwrap();
        if !seen.insert((account, fields[0])) {
            continue;
        }
        let (whole, hundredths) = fields[5].split_once('.').unwrap();
        let amount = whole.parse::<i128>().unwrap() * 100 + hundredths.parse::<i128>().unwrap();
        let (rows, refused, balance) = accounts.entry(account).or_default();
        *rows += 1;
        match fields[3] {
            "PRIJEM" => *balance += amount,
            _ if amount > *balance => *refused += 1,
            _ => *balance -= amount,
        }
    }
    let mut text = "account_id;transactions;refused;closing_hundredths\n".to_owned();
    for (account, (rows, refused, balance)) in accounts {
        writeln!(text, "{account};{rows};{refused};{balance}").unwrap();
    }
    text
}

/// A ledger of so many rows, always the same: a few busy accounts, many quiet ones, some withdrawals too large, some rows twice.
pub(crate) fn generated(rows: u64) -> String {
    let mut random = Random(0x2545_F491_4F6C_DD1D);
    let mut text =
        "\"trans_id\";\"account_id\";\"date\";\"type\";\"operation\";\"amount\";\"balance\";\"k_symbol\";\"bank\";\"account\"\n"
            .to_owned();
    let mut last = String::new();
    for number in 0..rows {
        if number > 0 && random.below(200) == 0 {
            text.push_str(&last);
            continue;
        }
        let account = if random.below(3) == 0 { random.below(5) } else { random.below(400) } * 2 + 2;
        let kind = ["PRIJEM", "PRIJEM", "PRIJEM", "VYDAJ", "VYBER"][random.below(5) as usize];
        let amount = random.below(if kind == "PRIJEM" { 500_000 } else { 900_000 });
        let day = 1 + number * 28 / (rows + 1);
        last = format!(
            "{};{account};9403{day:02};\"{kind}\";\"VKLAD\";{}.{:02};0.00;\"\";;\n",
            1_000_000 + number,
            amount / 100,
            amount % 100
        );
        text.push_str(&last);
    }
    text
}

/// Xorshift: enough for a test, and the same every time.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}
