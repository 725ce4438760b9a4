//! A folder with a folder of photos per class, the way few-shot data sets are kept.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::files::{io, read};
use crate::{Error, Photo, Picture};

/// One class: its folder's name and its photos, sorted by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassFolder {
    /// The folder's name.
    pub name: String,
    /// The files in it, without hidden ones.
    pub photos: Vec<PathBuf>,
}

/// The classes under a folder, sorted by name.
///
/// # Errors
/// [`Error::Folder`] where there are fewer than two or one is empty; [`Error::Io`].
pub fn classes(folder: &Path) -> Result<Vec<ClassFolder>, Error> {
    let mut classes = Vec::new();
    for path in entries(folder)?.into_iter().filter(|path| path.is_dir()) {
        let photos: Vec<PathBuf> = entries(&path)?.into_iter().filter(|path| path.is_file()).collect();
        if photos.is_empty() {
            let reason = "this class has no photo; add one or remove the folder".into();
            return Err(Error::Folder { path, reason });
        }
        classes.push(ClassFolder {
            name: file_name(&path),
            photos,
        });
    }
    if classes.len() < 2 {
        let reason = format!("expected at least 2 folders, one per class, got {}", classes.len());
        return Err(Error::Folder {
            path: folder.into(),
            reason,
        });
    }
    Ok(classes)
}

/// A photo that was asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The file.
    pub photo: PathBuf,
    /// Whether it was found in a folder that was named, and may then be anything.
    pub found: bool,
}

/// Files as they were named, and in place of folders all the files in and under them, sorted by name, without hidden ones.
///
/// # Errors
/// [`Error::Io`].
pub fn asked(paths: &[PathBuf]) -> Result<Vec<Asked>, Error> {
    let mut all = Vec::new();
    for path in paths {
        match path.is_dir() {
            true => find(path, &mut all)?,
            false => all.push(Asked {
                photo: path.clone(),
                found: false,
            }),
        }
    }
    Ok(all)
}

fn find(folder: &Path, all: &mut Vec<Asked>) -> Result<(), Error> {
    for path in entries(folder)? {
        match path.is_dir() {
            true => find(&path, all)?,
            false => all.push(Asked {
                photo: path,
                found: true,
            }),
        }
    }
    Ok(())
}

/// Reads and resizes a photo.
///
/// # Errors
/// [`Error::Io`]; those of [`picture_of`].
pub fn read_picture(path: &Path) -> Result<Picture, Error> {
    picture_of(path, &read(path)?)
}

/// Decodes and resizes a photo's bytes.
///
/// # Errors
/// [`Error::File`] with the photo's path and what is wrong with it.
pub fn picture_of(path: &Path, bytes: &[u8]) -> Result<Picture, Error> {
    Picture::from_photo(&photo_of(path, bytes)?).map_err(of_file(path))
}

/// Decodes a photo's bytes.
///
/// # Errors
/// [`Error::File`] with the photo's path and what is wrong with it.
pub fn photo_of(path: &Path, bytes: &[u8]) -> Result<Photo, Error> {
    Photo::decode(bytes).map_err(of_file(path))
}

/// The error of a photo, made from what is wrong with it.
fn of_file(path: &Path) -> impl FnOnce(Error) -> Error {
    let path = path.to_path_buf();
    move |source| Error::File {
        path,
        source: Box::new(source),
    }
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(io(folder))? {
        let path = entry.map_err(io(folder))?.path();
        if !file_name(&path).starts_with('.') {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// The last part of a path.
pub fn file_name(path: &Path) -> String {
    path.file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}
