//! Embeddings, answers and photos for other programs: NumPy's `.npy`, CSV for spreadsheets, zip archives. Knows neither files
//! nor networks.
//!
//! CSV is RFC 4180's, in UTF-8, with a header. Names that a spreadsheet would compute, those that begin with `=`, `+`, `-`,
//! `@`, a tab or a carriage return, get an apostrophe before them, as OWASP's "CSV Injection" advises; numbers stay as they
//! are. `.npy` is version 1.0 of NumPy's format: <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>.

use std::{
    borrow::Cow,
    collections::HashMap,
    io::{self, Write},
    str::FromStr,
};

use crate::{
    Embedding, Error,
    archive::ArchiveWriter,
    embedding::LENGTH,
    evaluation::argmax,
    session::{Prediction, Score},
};

/// What a name must not begin with in a spreadsheet.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];
/// The header of a `.npy` file is filled up to a multiple of this.
const ALIGNMENT: usize = 64;

/// How embeddings are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Numbers alone: little-endian 32-bit floats, `[rows, 1536]`.
    Npy,
    /// `class,name,e0,…,e1535`
    Csv,
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        match name {
            "npy" => Ok(Format::Npy),
            "csv" => Ok(Format::Csv),
            other => Err(Error::Option {
                name: "format",
                expected: "npy or csv",
                got: other.into(),
            }),
        }
    }
}

/// Photos as a zip archive with a folder for each class, which [`crate::project::open`] reads as samples. The archive's bytes
/// are handed out as they come.
#[derive(Debug, Default)]
pub struct PhotoArchive {
    writer: ArchiveWriter,
    counts: HashMap<String, usize>,
}

impl PhotoArchive {
    /// Adds a class's next photo, a PNG. Gives the archive's next bytes.
    ///
    /// # Errors
    /// [`Error::ProjectTooLarge`].
    pub fn add(&mut self, class: &str, png: &[u8]) -> Result<Vec<u8>, Error> {
        let folder = folder_name(class);
        let count = self.counts.entry(folder.to_lowercase()).or_default();
        *count += 1;
        self.writer.add(&format!("{folder}/{count:04}.png"), png)
    }

    /// Ends the archive, and gives its last bytes.
    ///
    /// # Errors
    /// [`Error::ProjectTooLarge`].
    pub fn finish(self) -> Result<Vec<u8>, Error> {
        self.writer.finish()
    }
}

/// A class's name as every system takes it for a folder's.
fn folder_name(class: &str) -> String {
    let refused = |letter: char| letter.is_control() || r#"/\:*?"<>|"#.contains(letter);
    let name = class.replace(refused, "_");
    match name.trim_matches(['.', ' ']) {
        "" => "_".into(),
        name => name.into(),
    }
}

/// A photo whose embedding is written down.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// The name of its class; empty for none.
    pub class: &'a str,
    /// Its own name.
    pub name: &'a str,
    /// Its embedding.
    pub embedding: &'a Embedding,
}

/// A file of embeddings, a row for each.
///
/// # Errors
/// None in practice.
pub fn embeddings(format: Format, rows: &[Row]) -> Result<Vec<u8>, Error> {
    match format {
        Format::Npy => Ok(npy(rows)),
        Format::Csv => csv(rows),
    }
}

fn npy(rows: &[Row]) -> Vec<u8> {
    let count = rows.len();
    let mut header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({count}, {LENGTH}), }}");
    // Before the header: six bytes that name the format, two of its version, two of the header's length. A line break ends it.
    let whole = (10 + header.len() + 1).next_multiple_of(ALIGNMENT);
    header.push_str(&" ".repeat(whole - 10 - header.len() - 1));
    header.push('\n');
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend_from_slice(&(header.len() as u16).to_le_bytes());
    file.extend_from_slice(header.as_bytes());
    for value in rows.iter().flat_map(|row| row.embedding.values()) {
        file.extend_from_slice(&value.to_le_bytes());
    }
    file
}

fn csv(rows: &[Row]) -> Result<Vec<u8>, Error> {
    let mut table = Table { to: Vec::new() };
    let numbers = (0..LENGTH).map(|index| format!("e{index}"));
    table.line(&["class", "name"], numbers)?;
    for Row { class, name, embedding } in rows {
        table.line(&[class, name], embedding.values().iter().map(f32::to_string))?;
    }
    Ok(table.to)
}

/// Answers as CSV, photo by photo: `photo,answer,probability,familiar`, then each class's probability under its name. The
/// answer is the likeliest class; it is empty where the photo is less surely any of the classes than the threshold says.
pub struct Answers<W: Write> {
    table: Table<W>,
    classes: Vec<String>,
    threshold: f32,
}

impl<W: Write> Answers<W> {
    /// Writes the header. `classes` are the names in the order of a prediction's scores.
    ///
    /// # Errors
    /// [`Error::Io`] where `to` takes no more.
    pub fn new(to: W, classes: Vec<String>, threshold: f32) -> Result<Self, Error> {
        let mut table = Table { to };
        let names = classes.iter().map(String::as_str);
        let header: Vec<&str> = ["photo", "answer", "probability", "familiar"]
            .into_iter()
            .chain(names)
            .collect();
        table.line(&header, [])?;
        Ok(Self {
            table,
            classes,
            threshold,
        })
    }

    /// Writes what is said of a photo.
    ///
    /// # Errors
    /// [`Error::Io`] where nothing more is taken.
    pub fn add(&mut self, photo: &str, prediction: &Prediction) -> Result<(), Error> {
        let probability = |score: &Score| score.probability;
        let probabilities: Vec<f32> = prediction.scores.iter().map(probability).collect();
        let best = argmax(&probabilities);
        let familiar = prediction.familiarity.probability;
        let answer = match familiar >= self.threshold {
            true => self.classes.get(best).map_or("", String::as_str),
            false => "",
        };
        let sure = probabilities.get(best).copied().unwrap_or_default();
        let numbers = [sure, familiar].into_iter().chain(probabilities);
        self.table
            .line(&[photo, answer], numbers.map(|number| number.to_string()))
    }
}

/// A table under way.
struct Table<W: Write> {
    to: W,
}

impl<W: Write> Table<W> {
    /// A line: names first, then numbers, which need no care.
    fn line(&mut self, names: &[&str], numbers: impl IntoIterator<Item = String>) -> Result<(), Error> {
        let names = names.iter().map(|name| quoted(&harmless(name)));
        let cells: Vec<String> = names.chain(numbers).collect();
        let unwritten = |source: io::Error| Error::Io {
            path: "the table".into(),
            source,
        };
        self.to
            .write_all((cells.join(",") + "\r\n").as_bytes())
            .map_err(unwritten)
    }
}

/// A cell in quotes, where it needs them; a quote in it becomes two.
fn quoted(cell: &str) -> String {
    match cell.contains([',', '"', '\r', '\n']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell.into(),
    }
}

/// A name that no spreadsheet computes.
fn harmless(name: &str) -> Cow<'_, str> {
    match name.starts_with(FORMULA) {
        true => Cow::Owned(format!("'{name}")),
        false => Cow::Borrowed(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Method, rejection::Familiarity, session::NearestShot};

    /// Made by NumPy: see `tests/reference/npy.py`.
    const MADE_BY_NUMPY: &[u8] = include_bytes!("../tests/fixtures/embeddings.npy");

    /// The numbers of the fixture: 1, 1 ⅛, 1 ¼ …
    fn embeddings() -> [Embedding; 2] {
        [0, LENGTH].map(|start| {
            let values = (start..start + LENGTH).map(|index| 1.0 + index as f32 / 8.0);
            Embedding::new(values.collect()).unwrap()
        })
    }

    fn rows<'a>(embeddings: &'a [Embedding; 2], names: [&'a str; 2]) -> Vec<Row<'a>> {
        let row = |(embedding, name): (&'a Embedding, &'a str)| Row {
            class: "Füchse, rot",
            name,
            embedding,
        };
        embeddings.iter().zip(names).map(row).collect()
    }

    #[test]
    fn photos_lie_in_folders_that_every_system_takes() {
        assert_eq!(folder_name("red fox"), "red fox");
        assert_eq!(folder_name("../a:b*c?"), "_a_b_c_");
        assert_eq!(folder_name(" ... "), "_");
        let mut archive = PhotoArchive::default();
        let mut bytes = Vec::new();
        for class in ["fox", "a/b", "fox", "Fox"] {
            bytes.extend(archive.add(class, b"png").unwrap());
        }
        bytes.extend(archive.finish().unwrap());
        let length = bytes.len() as u64;
        let read = crate::archive::Archive::open(bytes, length).unwrap();
        let names: Vec<&str> = read.entries().iter().map(|entry| entry.name.as_str()).collect();
        assert_eq!(names, ["fox/0001.png", "a_b/0001.png", "fox/0002.png", "Fox/0003.png"]);
    }

    #[test]
    fn npy_is_what_numpy_writes() {
        let embeddings = embeddings();
        assert!(npy(&rows(&embeddings, ["a", "b"])) == MADE_BY_NUMPY);
        assert_eq!(npy(&[]).len(), 128, "a header alone");
    }

    #[test]
    fn csv_quotes_names_and_writes_no_formula() {
        let embeddings = embeddings();
        let table = String::from_utf8(csv(&rows(&embeddings, ["=1+2", "a \"b\"\nc"])).unwrap()).unwrap();
        let lines: Vec<&str> = table.split("\r\n").collect();
        assert!(lines[0].starts_with("class,name,e0,e1,") && lines[0].ends_with(",e1535"));
        assert!(
            lines[1].starts_with("\"Füchse, rot\",'=1+2,1,1.125,1.25,"),
            "{}",
            lines[1]
        );
        assert!(
            lines[2].starts_with("\"Füchse, rot\",\"a \"\"b\"\"\nc\",193,"),
            "{}",
            lines[2]
        );
        assert_eq!(lines[3..], [""]);
    }

    #[test]
    fn csv_keeps_every_number() {
        let mut values = vec![0.1; LENGTH];
        values[1..5].copy_from_slice(&[1.0 / 3.0, f32::MIN_POSITIVE, 1e-20, 123_456.79]);
        let embedding = Embedding::new(values.clone()).unwrap();
        let row = Row {
            class: "a",
            name: "b",
            embedding: &embedding,
        };
        let table = String::from_utf8(csv(&[row]).unwrap()).unwrap();
        let line = table.lines().nth(1).unwrap();
        let read: Vec<f32> = line.split(',').skip(2).map(|cell| cell.parse().unwrap()).collect();
        assert_eq!(read, values);
    }

    fn prediction(probabilities: [f32; 2], familiar: f32) -> Prediction {
        let score = |(class, probability): (usize, f32)| Score {
            class_id: 7 + class as u32,
            probability,
        };
        Prediction {
            method: Method::Finetune,
            scores: probabilities.into_iter().enumerate().map(score).collect(),
            nearest: Some(NearestShot {
                shot_id: 1,
                class_id: 7,
                similarity: 0.5,
            }),
            familiarity: Familiarity {
                score: 0.1,
                probability: familiar,
                certain: true,
            },
        }
    }

    #[test]
    fn answers_are_empty_below_the_threshold() {
        let mut bytes = Vec::new();
        let mut answers = Answers::new(&mut bytes, vec!["@home".into(), "hare".into()], 0.5).unwrap();
        answers.add("a.jpg", &prediction([0.25, 0.75], 0.5)).unwrap();
        answers.add("-b.jpg", &prediction([0.875, 0.125], 0.25)).unwrap();
        answers.add("c.jpg", &prediction([0.875, 0.125], 1.0)).unwrap();
        let expected = "photo,answer,probability,familiar,'@home,hare\r\n\
                        a.jpg,hare,0.75,0.5,0.25,0.75\r\n\
                        '-b.jpg,,0.875,0.25,0.875,0.125\r\n\
                        c.jpg,'@home,0.875,1,0.875,0.125\r\n";
        assert_eq!(String::from_utf8(bytes).unwrap(), expected);
    }
}
