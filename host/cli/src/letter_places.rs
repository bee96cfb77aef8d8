//! The dead letters of sources wherever they are: in files of this host, or in the database.

use std::collections::{BTreeSet, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[cfg(feature = "postgres")]
use headwater::cursor::postgres::PostgresError;
use headwater::sink::{Letter, LetterFile};
#[cfg(feature = "postgres")]
use headwater::sink::{LetterClaims, LetterTable, PlacedLetter};
use thiserror::Error;

use crate::config::{DeadLetterPlace, SourceConfig};

/// Which letters a command is about.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Only those of this source.
    pub source: Option<String>,
    /// Only the one with this id.
    pub id: Option<String>,
}

impl Selection {
    /// Whether it has this source.
    pub fn has_source(&self, name: &str) -> bool {
        self.source.as_ref().is_none_or(|source| source == name)
    }

    fn holds(&self, letter: &Letter) -> bool {
        self.has_source(&letter.source) && self.id.as_ref().is_none_or(|id| letter.id.as_ref() == Some(id))
    }
}

/// Why letters cannot be read or removed.
#[derive(Debug, Error)]
pub enum PlaceError {
    /// Their file cannot be read or written.
    #[error("cannot use the dead-letter file {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The database cannot be used.
    #[cfg(feature = "postgres")]
    #[error(transparent)]
    Database(#[from] PostgresError),
}

/// Where letters are.
#[derive(Debug, Default)]
pub struct LetterPlaces {
    /// The database, if the configuration names one.
    #[cfg(feature = "postgres")]
    pub table: Option<LetterTable>,
}

/// The letters of a source, a part at a time, for who takes some of each part away.
pub enum LetterParts {
    /// Each file is a part.
    Files {
        /// Those that are still to come.
        files: std::vec::IntoIter<LetterFile>,
        /// The one whose letters were handed out last.
        current: Option<LetterFile>,
        /// Which letters.
        selection: Selection,
    },
    /// A part is what was claimed.
    #[cfg(feature = "postgres")]
    Table(LetterClaims),
}

impl LetterPlaces {
    /// Hands over the letters of these sources, each once.
    pub async fn each(
        &self,
        sources: &[Arc<SourceConfig>],
        selection: &Selection,
        mut take: impl FnMut(Letter),
    ) -> Result<(), PlaceError> {
        let wanted = sources.iter().filter(|source| selection.has_source(&source.name));
        let (mut seen, mut in_table) = (HashSet::new(), Vec::new());
        for source in wanted {
            match &source.dead_letter {
                // Several sources may share a file.
                DeadLetterPlace::File { path, .. } if seen.insert(path) => {
                    for file in files(path)? {
                        read(file, selection, |_, letter| take(letter))?;
                    }
                }
                DeadLetterPlace::File { .. } => {}
                DeadLetterPlace::Database => in_table.push(source.name.as_str()),
            }
        }
        self.each_in_table(&in_table, selection, take).await
    }

    #[cfg(feature = "postgres")]
    async fn each_in_table(
        &self,
        sources: &[&str],
        selection: &Selection,
        mut take: impl FnMut(Letter),
    ) -> Result<(), PlaceError> {
        let Some(table) = self.table.as_ref().filter(|_| !sources.is_empty()) else {
            return Ok(());
        };
        let mut after = 0;
        loop {
            let page = table.page(sources, selection.id.as_deref(), after).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.place;
            split(page).into_iter().for_each(|(_, letter)| take(letter));
        }
    }

    #[cfg(not(feature = "postgres"))]
    async fn each_in_table(
        &self,
        _: &[&str],
        _: &Selection,
        _: impl FnMut(Letter),
    ) -> Result<(), PlaceError> {
        Ok(())
    }

    /// The letters of one source, in parts.
    pub fn parts(&self, source: &SourceConfig, selection: &Selection) -> Result<LetterParts, PlaceError> {
        let selection = Selection {
            source: Some(source.name.clone()),
            id: selection.id.clone(),
        };
        #[cfg(feature = "postgres")]
        if let (DeadLetterPlace::Database, Some(table)) = (&source.dead_letter, &self.table) {
            let claims = table.replay(&source.name, selection.id.as_deref());
            return Ok(LetterParts::Table(claims));
        }
        let files = source.dead_letter.file().map(files).transpose()?;
        Ok(LetterParts::Files {
            files: files.unwrap_or_default().into_iter(),
            current: None,
            selection,
        })
    }
}

impl LetterParts {
    /// The next part, each letter with its place; none after the last. Each is to be settled before the next one.
    pub async fn next(&mut self) -> Result<Option<Vec<(u64, Letter)>>, PlaceError> {
        match self {
            Self::Files {
                files,
                current,
                selection,
            } => {
                let Some(file) = files.next() else { return Ok(None) };
                let mut letters = Vec::new();
                *current = Some(read(file, selection, |place, letter| {
                    letters.push((place, letter))
                })?);
                Ok(Some(letters))
            }
            #[cfg(feature = "postgres")]
            Self::Table(claims) => Ok(claims.next().await?.map(split)),
        }
    }

    /// Removes the letters of the present part at these places.
    pub async fn settle(&mut self, accepted: &BTreeSet<u64>) -> Result<(), PlaceError> {
        match self {
            Self::Files { current, .. } => {
                let Some(mut file) = current.take() else {
                    return Ok(());
                };
                file.remove(accepted).map_err(|source| PlaceError::File {
                    path: file.path().to_owned(),
                    source,
                })
            }
            #[cfg(feature = "postgres")]
            Self::Table(claims) => Ok(claims.settle(accepted).await?),
        }
    }

    /// Letters that no part had: those without an event, and those that somebody else replays.
    pub async fn untouched(&self) -> Result<(u64, u64), PlaceError> {
        match self {
            Self::Files { .. } => Ok((0, 0)),
            #[cfg(feature = "postgres")]
            Self::Table(claims) => {
                let untouched = claims.untouched().await?;
                Ok((untouched.no_event, untouched.elsewhere))
            }
        }
    }
}

/// Hands over the letters of a file that are selected, with their places, and gives the file back.
fn read(
    mut file: LetterFile,
    selection: &Selection,
    mut take: impl FnMut(u64, Letter),
) -> Result<LetterFile, PlaceError> {
    let read = file.each(|placed| {
        if let Some(letter) = placed.letter.filter(|letter| selection.holds(letter)) {
            take(placed.place, letter);
        }
        Ok::<_, io::Error>(())
    });
    match read {
        Ok(()) => Ok(file),
        Err(source) => Err(PlaceError::File {
            path: file.path().to_owned(),
            source,
        }),
    }
}

#[cfg(feature = "postgres")]
fn split(letters: Vec<PlacedLetter>) -> Vec<(u64, Letter)> {
    let split = letters
        .into_iter()
        .map(|placed| Some((placed.place, placed.letter?)));
    split.flatten().collect()
}

fn files(path: &Path) -> Result<Vec<LetterFile>, PlaceError> {
    LetterFile::all(path).map_err(|source| PlaceError::File {
        path: path.to_owned(),
        source,
    })
}
