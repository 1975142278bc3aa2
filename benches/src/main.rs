//! Runs the programs one after the other, keeps their reports in `results/` and writes their tables into `README.md`.
//!
//! ```text
//! cargo run --release --manifest-path benches/Cargo.toml              all of them, about a quarter of an hour
//! cargo run --release --manifest-path benches/Cargo.toml -- disk      only this one
//! cargo run --release --manifest-path benches/Cargo.toml -- --quick   shows that they run; writes into no file that is kept
//! cargo run --release --manifest-path benches/Cargo.toml -- --tables  runs nothing, writes the tables again
//! ```

use benches::report::{Report, goals};
use benches::{Result, readme};
use std::path::{Path, PathBuf};
use std::process::Command;

/// In the order in which they run.
const PROGRAMS: [&str; 8] = ["memory", "allocations", "durable", "recovery", "snapshots", "reading", "passivation", "disk"];

#[derive(Default)]
struct Order {
    quick: bool,
    tables: bool,
    programs: Vec<&'static str>,
}

fn main() -> Result<()> {
    let order = order()?;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let results = if order.quick { folder.join("target/quick") } else { folder.join("results") };
    std::fs::create_dir_all(&results)?;
    if !order.tables {
        for program in &order.programs {
            run(folder, program, &results.join(format!("{program}.json")), order.quick)?;
        }
    }
    if order.quick { Ok(()) } else { write_tables(folder, &results) }
}

fn order() -> Result<Order> {
    let mut order = Order::default();
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--quick" => order.quick = true,
            "--tables" => order.tables = true,
            name => {
                let program = PROGRAMS.iter().find(|program| **program == name);
                order.programs.push(program.ok_or(format!("{name}: unknown; there are --quick, --tables and {PROGRAMS:?}"))?);
            }
        }
    }
    if order.programs.is_empty() {
        order.programs = PROGRAMS.to_vec();
    }
    Ok(order)
}

fn run(folder: &Path, program: &str, json: &Path, quick: bool) -> Result<()> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(["bench", "--quiet", "--manifest-path"]).arg(folder.join("Cargo.toml"));
    command.args(["--bench", program, "--", "--json"]).arg(json);
    if quick {
        command.arg("--quick");
    }
    // A peer that takes a backtrace with each of its errors would be measured with that.
    command.env("RUST_BACKTRACE", "0").env("RUST_LIB_BACKTRACE", "0");
    eprintln!("{program} …");
    let began = std::time::Instant::now();
    let status = command.status()?;
    if !status.success() {
        return Err(format!("{program} failed: {status}").into());
    }
    eprintln!("{program}: {:.0} s", began.elapsed().as_secs_f64());
    Ok(())
}

fn write_tables(folder: &Path, results: &Path) -> Result<()> {
    let path = folder.join("README.md");
    let mut text = std::fs::read_to_string(&path)?;
    let mut reports: Vec<Report> = Vec::new();
    for program in PROGRAMS {
        let json: PathBuf = results.join(format!("{program}.json"));
        if json.exists() {
            let report: Report = serde_json::from_str(&std::fs::read_to_string(json)?)?;
            text = readme::put(&text, program, &report.markdown())?;
            reports.push(report);
        }
    }
    text = readme::put(&text, "goals", &goals(&reports))?;
    std::fs::write(path, text)?;
    eprintln!("the tables are in benches/README.md");
    Ok(())
}
