//! Processor time of processes, as the system counts it.

use std::fmt::Display;

/// A process (proc(5)); times in seconds.
#[derive(Debug, Clone, Copy)]
pub struct Process {
    pub parent: u32,
    /// What it has used itself, in its own code and in the system.
    pub used: f64,
    /// What its children have used that have ended.
    pub ended_children: f64,
}

impl Process {
    /// The process with this number, or `self`; none where there is none.
    pub fn look(process: impl Display) -> Option<Self> {
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        // Behind the name, which may hold blanks: the parent is the second field, and the times are the 12th to the 15th.
        let fields: Vec<&str> = stat.rsplit(')').next()?.split_whitespace().collect();
        let seconds = |place: usize| Some(fields.get(place)?.parse::<f64>().ok()? / 100.0);
        Some(Self {
            parent: fields.get(1)?.parse().ok()?,
            used: seconds(11)? + seconds(12)?,
            ended_children: seconds(13)? + seconds(14)?,
        })
    }
}
