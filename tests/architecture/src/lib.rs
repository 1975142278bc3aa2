//! The house as files: what is tracked, and which paths of a crate a file names. Reads sources with nothing but std.

mod rules;

pub use rules::{RULES, Rule};

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A tracked text file: its path in the repository, and what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// From the root of the repository, with `/`.
    pub path: String,
    /// All of it.
    pub text: String,
}

impl File {
    /// A file of this path and content.
    pub fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        Self { path: path.into(), text: text.into() }
    }

    /// Whether it is a source of Rust in this folder; any folder for the empty name.
    #[must_use]
    pub fn is_rust_in(&self, folder: &str) -> bool {
        self.path.starts_with(folder) && Path::new(&self.path).extension().is_some_and(|extension| extension == "rs")
    }

    /// The lines with code on them: number and text, without comments.
    pub fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().enumerate().map(|(index, line)| (index + 1, line));
        lines
            .map(|(number, line)| (number, line.split("//").next().unwrap_or_default()))
            .filter(|(_, line)| !line.trim().is_empty())
    }

    /// The modules of `krate` that the code names: `message` for `crate::message::Revision`, and for each part of
    /// `use crate::{message, store::Commit}`. Braces may go over several lines.
    #[must_use]
    pub fn modules(&self, krate: &str) -> BTreeSet<String> {
        let code: String = self.code().map(|(_, line)| line.trim_start()).collect::<Vec<_>>().join(" ");
        let prefix = format!("{krate}::");
        let mut modules = BTreeSet::new();
        for (at, _) in code.match_indices(&prefix) {
            // Another word's end, or a macro: `#[ego::projection]` is not the module of that name.
            if code[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_') || code[..at].ends_with("#[") {
                continue;
            }
            modules.extend(heads(&code[at + prefix.len()..]));
        }
        modules
    }
}

/// The first segment, or those of each part in braces.
fn heads(path: &str) -> Vec<String> {
    let head = |path: &str| -> String {
        path.trim_start().chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect()
    };
    let Some(list) = path.strip_prefix('{') else { return vec![head(path)] };
    let (mut depth, mut start, mut parts) = (0, 0, Vec::new());
    for (at, letter) in list.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                parts.push(head(&list[start..at]));
                start = at + 1;
                if letter == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

/// The root of the repository.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every tracked file that is text. Asks git; without a repository, takes what is there.
#[must_use]
pub fn tracked() -> Vec<File> {
    let root = root();
    let listed = Command::new("git").args(["ls-files", "--cached", "--others", "--exclude-standard"]).current_dir(&root).output();
    let mut paths: Vec<String> = match listed {
        Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect(),
        _ => walk(&root, Path::new("")),
    };
    paths.sort();
    let text = |path: String| Some(File { text: std::fs::read_to_string(root.join(&path)).ok()?, path });
    paths.into_iter().filter_map(text).collect()
}

fn walk(root: &Path, folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(root.join(folder)) else { return Vec::new() };
    let mut paths = Vec::new();
    for entry in entries.flatten() {
        let path = folder.join(entry.file_name());
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && entry.file_name() != "target" && entry.file_name() != ".git" => {
                paths.extend(walk(root, &path))
            }
            Ok(kind) if kind.is_file() => paths.push(path.to_string_lossy().replace('\\', "/")),
            _ => {}
        }
    }
    paths
}

/// What a crate needs to be built, by the names of the registry or the workspace. What only its tests need is left out.
#[must_use]
pub fn dependencies(manifest: &str) -> BTreeSet<String> {
    let (mut inside, mut found) = (false, BTreeSet::new());
    for line in manifest.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        if let Some(section) = line.strip_prefix('[') {
            let section = section.trim_end_matches(']');
            inside = section.ends_with("dependencies") && !section.ends_with("dev-dependencies");
            if let Some((_, name)) = section.split_once("dependencies.").filter(|_| !section.contains("dev-dependencies")) {
                found.insert(name.to_owned());
            }
        } else if let Some((name, rest)) = line.split_once('=').filter(|_| inside) {
            let package = rest.split_once("package = \"").and_then(|(_, package)| package.split('"').next());
            found.insert(package.unwrap_or(name.split('.').next().unwrap_or_default().trim()).to_owned());
        }
    }
    found
}
