//! Running a process under the recorder.

use crate::Result;
use crate::disk::Disk;
use crate::fate::Fate;
use crate::image::Image;
use crate::said::Said;
use crate::trace::{self, Op};
use crate::work::Work;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

/// The library that a process is recorded with, and the program that is recorded.
#[derive(Debug)]
pub(crate) struct Recorder {
    library: PathBuf,
    program: PathBuf,
}

/// What a process did to a folder, and what it said meanwhile.
#[derive(Debug)]
pub(crate) struct Recording {
    /// Says which, to whoever reads a failure.
    pub(crate) name: String,
    pub(crate) work: Work,
    /// What the folder held before.
    pub(crate) disk: Disk,
    pub(crate) ops: Vec<Op>,
    /// From here on, cuts tell something new.
    pub(crate) from: usize,
    /// What was said, before and in it.
    pub(crate) said: Arc<Vec<Said>>,
    /// How much of that was said before.
    pub(crate) before: usize,
    /// The trace, for whoever looks into a failure.
    pub(crate) file: PathBuf,
}

/// When a process is killed: after so many operations of a sort, counted from a mark on.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kill {
    Any(usize),
    CreateFolder(usize),
    Rename(usize),
    /// Of the seal of the log: after the first write when the store is being closed.
    Seal,
    /// After the first sync began when the store is being closed.
    SealSync,
}

impl Kill {
    /// As the recorder reads it.
    fn to_text(self) -> String {
        match self {
            Self::Any(count) => format!("0 {count}"),
            Self::CreateFolder(count) => format!("2 {count}"),
            Self::Rename(count) => format!("5 {count}"),
            Self::Seal => "3 1 Close".to_owned(),
            Self::SealSync => "8 1 Close".to_owned(),
        }
    }
}

impl Recorder {
    /// Builds the library with the system's C compiler.
    pub(crate) fn build(folder: &Path, program: &Path) -> Result<Self> {
        let (source, library) = (folder.join("recorder.c"), folder.join("recorder.so"));
        std::fs::write(&source, include_str!("../recorder.c"))?;
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-O2", "-o"])
            .args([&library, &source])
            .output()
            .map_err(|error| format!("`cc` does not run ({error}): install a C compiler, as in `apt-get install gcc`"))?;
        if !built.status.success() {
            return Err(format!("the recorder does not build: {}", String::from_utf8_lossy(&built.stderr)).into());
        }
        Ok(Self { library, program: program.to_owned() })
    }

    /// Runs a process over what is in `root`.
    pub(crate) fn record(&self, name: &str, work: &Work, root: &Path, said: &[Said]) -> Result<Recording> {
        let disk = Disk::load(root)?;
        let file = root.with_extension("trace");
        self.run(work, root, &file, None)?;
        Recording::of(name, work, disk, root, file, said)
    }

    /// Runs a process that is killed, and then another that finds what the system still has in memory.
    pub(crate) fn record_killed(&self, name: &str, first: &Work, kill: Kill, next: &Work, root: &Path) -> Result<Recording> {
        let disk = Disk::load(root)?;
        let file = root.with_extension("trace");
        self.run(first, root, &file, Some(kill))?;
        let from = trace::read(&file)?.len();
        self.run(next, root, &file, None)?;
        Ok(Recording { from, ..Recording::of(name, next, disk, root, file, &[])? })
    }

    fn run(&self, work: &Work, root: &Path, trace: &Path, kill: Option<Kill>) -> Result<()> {
        let mut command = Command::new(&self.program);
        command.arg("work").args(work.to_args());
        command.env("LD_PRELOAD", &self.library).env("EGO_POWERCUT_ROOT", root).env("EGO_POWERCUT_TRACE", trace);
        command.env("EGO_POWERCUT_MARKS", &work.marks).env_remove("EGO_POWERCUT_KILL");
        if let Some(kill) = kill {
            command.env("EGO_POWERCUT_KILL", kill.to_text());
        }
        let output = command.output()?;
        let killed = output.status.code().is_none() && kill.is_some();
        if !killed && !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(format!("the recorded process failed ({}): {said}", output.status).into());
        }
        Ok(())
    }
}

impl Recording {
    fn of(name: &str, work: &Work, disk: Disk, root: &Path, file: PathBuf, before: &[Said]) -> Result<Self> {
        let ops = trace::read(&file)?;
        let mut said = before.to_vec();
        let mut end = disk.clone();
        for op in &ops {
            end.apply(op)?;
            if let Op::Mark(line) = op {
                said.push(serde_json::from_str(line)?);
            }
        }
        // Whatever escaped the recorder shows here.
        let differences = end.image(&mut Fate::Everything).differences(&Image::read(root)?);
        if !differences.is_empty() {
            return Err(format!("{name}: the trace does not lead to what is there: {}", differences.join(", ")).into());
        }
        let (name, work, before) = (name.to_owned(), work.clone(), before.len());
        Ok(Self { name, work, disk, ops, from: 0, said: Arc::new(said), before, file })
    }

    pub(crate) fn syncs(&self) -> usize {
        self.ops.iter().filter(|op| matches!(op, Op::SyncEnds { .. })).count()
    }
}
