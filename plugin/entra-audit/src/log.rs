//! The logs that the source reads, which differ in address, in the time that they are asked by, and in their records.

/// A log of Microsoft Graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Log {
    /// What was changed in the directory.
    DirectoryAudits,
    /// Who signed in, interactively.
    SignIns,
}

impl Log {
    /// Both.
    pub const ALL: [Self; 2] = [Self::DirectoryAudits, Self::SignIns];

    /// Its name, the last word of its address.
    pub fn name(self) -> &'static str {
        match self {
            Self::DirectoryAudits => "directoryAudits",
            Self::SignIns => "signIns",
        }
    }

    /// The log of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|log| log.name() == name)
    }

    /// The log that a partition is; none for a partition that is not this source's.
    pub fn of(partition: &str) -> Option<Self> {
        Self::named(partition.rsplit_once('/')?.1)
    }

    /// The path of its address.
    pub fn path(self) -> &'static str {
        match self {
            Self::DirectoryAudits => "/v1.0/auditLogs/directoryAudits",
            Self::SignIns => "/v1.0/auditLogs/signIns",
        }
    }

    /// The property that says when something happened, and that it is asked by.
    pub fn time(self) -> &'static str {
        match self {
            Self::DirectoryAudits => "activityDateTime",
            Self::SignIns => "createdDateTime",
        }
    }

    /// The order to ask for. "List signIns" documents none: sign-ins come with the newest first.
    pub fn order(self) -> Option<&'static str> {
        match self {
            Self::DirectoryAudits => Some("activityDateTime asc"),
            Self::SignIns => None,
        }
    }

    /// What people call it.
    pub fn title(self) -> &'static str {
        match self {
            Self::DirectoryAudits => "directory audit log",
            Self::SignIns => "sign-in log",
        }
    }
}
