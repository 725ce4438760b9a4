//! Project files, `name.glimpse`: everything that a page knows of a project, in one zip archive. `docs/FORMAT.md` says what
//! is in it, field by field; here it is written and read, one photo at a time, and checked. Also read: archives of photos
//! in folders, such as other programs make of their samples.
//!
//! No file and no browser is known here: bytes are read through [`ReaderAt`], and what is written is handed out.

use std::collections::HashSet;

pub use rawzip::ReaderAt;
use serde::{Deserialize, Serialize};

use crate::{
    Embedding, Error, Method, Photo,
    archive::{Archive, ArchiveWriter, MOST_BYTES, check_limit, damaged},
    embedding::LENGTH,
    head_file,
    picture::{LONGEST_SIDE, SHORTER_SIDE, VIEWS},
    png::BarePng,
    tensor_file::{TensorFile, TensorWriter},
};

/// The version that is written, and the newest that is read; another one where fields change their meaning.
pub const SCHEMA: u32 = 1;
/// Most classes of a project.
pub const MOST_CLASSES: usize = 1_000;
/// Most photos of a project, shots and tests together.
pub const MOST_PHOTOS: usize = 20_000;
/// Most characters of a name, whatever it names.
const MOST_CHARACTERS: usize = 1_000;
/// Most bytes of `project.json`.
const MOST_DESCRIPTION: u64 = 8 << 20;
/// Most bytes of a photo: a picture whose pixels cannot be packed at all has 1.5 million.
const MOST_PHOTO: u64 = 2 << 20;
/// Most bytes of the tensors: 20,000 embeddings have 123 million, a tuned layer 34 million.
const MOST_TENSORS: u64 = 192 << 20;
/// Most bytes of a photo that another program packed.
const MOST_SAMPLE: u64 = 64 << 20;
/// Most bytes of the settings, as JSON.
const MOST_OPTIONS: usize = 16 << 10;

/// Who writes such files.
pub const APP: &str = "glimpse";
/// Value of the tensors' `format`.
const TENSORS_FORMAT: &str = "glimpse-project-1";
const DESCRIPTION: &str = "project.json";
const TENSORS: &str = "tensors.safetensors";
/// Names of the tensors: one row for every embedded photo, a mask of which those are, and the head's file.
const EMBEDDINGS: &str = "embeddings";
const EMBEDDED: &str = "embedded";
const HEAD: &str = "head";

/// Endings of files that are taken for photos.
const PHOTO_ENDINGS: [&str; 11] = [
    "jpg", "jpeg", "png", "webp", "gif", "bmp", "heic", "heif", "avif", "tif", "tiff",
];

/// `project.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Project {
    /// [`SCHEMA`].
    #[serde(default = "schema")]
    pub schema: u32,
    /// `glimpse`.
    #[serde(default = "app")]
    pub app: String,
    /// The project's name.
    pub name: String,
    /// When it began, as ISO 8601.
    pub created: String,
    /// When it was last changed, likewise.
    pub updated: String,
    /// The identity of the network that made the embeddings; empty where none did.
    pub network: String,
    /// From how many views of a photo an embedding is made, 1 to 8.
    pub views: usize,
    /// The settings of the training, as the page knows them.
    pub options: Option<serde_json::Value>,
    /// How what was trained was trained.
    pub method: Option<Method>,
    /// Below this familiarity a photo is none of the classes, 0 to 1; `None` for the default.
    pub threshold: Option<f64>,
    /// The classes.
    pub classes: Vec<ProjectClass>,
    /// The photos to try.
    pub tests: Vec<ProjectTest>,
}

/// A class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProjectClass {
    /// Its name.
    pub name: String,
    /// False while the name is the one that it came with.
    pub named: bool,
    /// The number of its colour.
    pub hue: u32,
    /// False while it is switched off.
    pub active: bool,
    /// Its photos.
    pub shots: Vec<ProjectShot>,
}

/// A photo of a class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProjectShot {
    /// The name of the file that it was; empty for camera frames.
    pub name: String,
    /// Its path in the archive, which the writer gives.
    #[serde(default)]
    pub photo: String,
}

/// A photo to try.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProjectTest {
    /// The name of the file that it was.
    pub name: String,
    /// Its path in the archive, which the writer gives.
    #[serde(default)]
    pub photo: String,
    /// The place of the class that it really shows, where that was said.
    pub class: Option<usize>,
}

fn schema() -> u32 {
    SCHEMA
}

fn app() -> String {
    APP.into()
}

/// What can be read of every version.
#[derive(Deserialize)]
struct Version {
    schema: u32,
    app: String,
}

impl Project {
    /// Reads and checks a `project.json`.
    ///
    /// # Errors
    /// [`Error::ProjectNewer`]; [`Error::ProjectDamaged`], [`Error::ProjectTooLarge`].
    pub fn parse(json: &[u8]) -> Result<Self, Error> {
        check_limit("bytes of a file", json.len() as u64, MOST_DESCRIPTION)?;
        let Version { schema, app } = serde_json::from_slice(json).map_err(unreadable)?;
        if app != APP {
            return Err(damaged(format!("it is of `{}`, expected `{APP}`", app.escape_debug())));
        }
        if schema > SCHEMA {
            return Err(Error::ProjectNewer {
                got: schema,
                known: SCHEMA,
            });
        }
        Self::checked(json)
    }

    /// Reads what a page is to have written: the same without `schema`, `app` and the photos' paths.
    ///
    /// # Errors
    /// [`Error::ProjectDamaged`], [`Error::ProjectTooLarge`].
    pub fn from_page(json: &str) -> Result<Self, Error> {
        Self::checked(json.as_bytes())
    }

    fn checked(json: &[u8]) -> Result<Self, Error> {
        let project: Self = serde_json::from_slice(json).map_err(unreadable)?;
        project.check()?;
        Ok(project)
    }

    /// How many photos there are, shots and tests together.
    pub fn photo_count(&self) -> usize {
        self.classes.iter().map(|class| class.shots.len()).sum::<usize>() + self.tests.len()
    }

    /// The photos' paths: class by class, then the tests.
    fn photos(&self) -> impl Iterator<Item = &str> {
        let shots = self.classes.iter().flat_map(|class| &class.shots);
        let paths = shots.map(|shot| shot.photo.as_str());
        paths.chain(self.tests.iter().map(|test| test.photo.as_str()))
    }

    fn photos_mut(&mut self) -> impl Iterator<Item = &mut String> {
        let shots = self.classes.iter_mut().flat_map(|class| &mut class.shots);
        let paths = shots.map(|shot| &mut shot.photo);
        paths.chain(self.tests.iter_mut().map(|test| &mut test.photo))
    }

    /// Checks everything that can be checked without the other files.
    fn check(&self) -> Result<(), Error> {
        if self.schema != SCHEMA {
            return Err(damaged(format!("schema {}, expected {SCHEMA}", self.schema)));
        }
        check_limit("classes", self.classes.len() as u64, MOST_CLASSES as u64)?;
        check_limit("photos", self.photo_count() as u64, MOST_PHOTOS as u64)?;
        let words = [&self.name, &self.created, &self.updated, &self.network];
        let classes = self.classes.iter().map(|class| &class.name);
        let shots = self.classes.iter().flat_map(|class| &class.shots);
        let shots = shots.flat_map(|shot| [&shot.name, &shot.photo]);
        let tests = self.tests.iter().flat_map(|test| [&test.name, &test.photo]);
        for name in words.into_iter().chain(classes).chain(shots).chain(tests) {
            check_limit(
                "characters of a name",
                name.chars().count() as u64,
                MOST_CHARACTERS as u64,
            )?;
        }
        let mut names = HashSet::new();
        if let Some(class) = self.classes.iter().find(|class| !names.insert(&class.name)) {
            return Err(damaged(format!("two classes are named `{}`", class.name)));
        }
        if !(1..=VIEWS).contains(&self.views) {
            return Err(damaged(format!("{} views, expected 1 to {VIEWS}", self.views)));
        }
        if self
            .threshold
            .is_some_and(|threshold| !(0.0..=1.0).contains(&threshold))
        {
            return Err(damaged("a threshold that is not between 0 and 1".into()));
        }
        let of = self.classes.len();
        if let Some(class) = self
            .tests
            .iter()
            .filter_map(|test| test.class)
            .find(|class| *class >= of)
        {
            return Err(damaged(format!("a test of class {class}, expected below {of}")));
        }
        let options = serde_json::to_vec(&self.options).map_err(unreadable)?;
        check_limit("bytes of the settings", options.len() as u64, MOST_OPTIONS as u64)
    }
}

/// A project file that is being written. What it gives, one after the other, is the file.
#[derive(Debug)]
pub struct ProjectWriter {
    project: Project,
    archive: ArchiveWriter,
    paths: Vec<String>,
    /// Of those that have one, one after the other.
    embeddings: Vec<f32>,
    /// For every photo so far, whether it has one.
    embedded: Vec<u8>,
}

impl ProjectWriter {
    /// Begins a file, and gives its first bytes. The photos' paths are given here.
    ///
    /// # Errors
    /// Those of [`Project::parse`].
    pub fn new(mut project: Project) -> Result<(Self, Vec<u8>), Error> {
        project.check()?;
        for (index, path) in project.photos_mut().enumerate() {
            *path = format!("photos/{:04}.png", index + 1);
        }
        let json = serde_json::to_vec(&project).map_err(unreadable)?;
        let mut archive = ArchiveWriter::default();
        let bytes = archive.add(DESCRIPTION, &json)?;
        let writer = Self {
            paths: project.photos().map(str::to_owned).collect(),
            project,
            archive,
            embeddings: Vec::new(),
            embedded: Vec::new(),
        };
        Ok((writer, bytes))
    }

    /// Adds the next photo, class by class and then the tests: the PNG of its [`crate::Picture`], of which the picture
    /// alone is kept, and its embedding, where it has one. Gives the file's next bytes.
    ///
    /// # Errors
    /// [`Error::ProjectDamaged`] where this is no such PNG, or one too many; [`Error::ProjectTooLarge`].
    pub fn add(&mut self, png: &[u8], embedding: Option<&Embedding>) -> Result<Vec<u8>, Error> {
        let path = self.paths.get(self.embedded.len());
        let path = path.ok_or_else(|| damaged("more photos than classes and tests name".into()))?;
        check_limit("bytes of a photo", png.len() as u64, MOST_PHOTO)?;
        let bytes = self.archive.add(path, &bare_picture(path, png)?)?;
        self.embedded.push(embedding.is_some().into());
        if let Some(embedding) = embedding {
            self.embeddings.extend_from_slice(embedding.values());
        }
        Ok(bytes)
    }

    /// Ends the file, once all photos were added, with what [`crate::Session::head_file`] gave. Gives its last bytes.
    ///
    /// # Errors
    /// [`Error::ProjectDamaged`] where a photo is missing; those of [`head_file::check`].
    pub fn finish(mut self, head: Option<&[u8]>) -> Result<Vec<u8>, Error> {
        if self.embedded.len() != self.paths.len() {
            let (got, expected) = (self.embedded.len(), self.paths.len());
            return Err(damaged(format!("{got} photos were added, expected {expected}")));
        }
        let mut tensors = TensorWriter::new(TENSORS_FORMAT);
        let shape = [self.embeddings.len() / LENGTH, LENGTH];
        tensors.floats(EMBEDDINGS, &shape, &self.embeddings);
        tensors.bytes(EMBEDDED, self.embedded);
        if let Some(head) = head {
            head_file::check(head, &self.project.network)?;
            tensors.bytes(HEAD, head.to_vec());
        }
        let mut bytes = self.archive.add(TENSORS, &tensors.finish()?)?;
        bytes.extend(self.archive.finish()?);
        Ok(bytes)
    }
}

/// What an archive turned out to be.
#[derive(Debug)]
pub enum Opened<R> {
    /// A project.
    Project(Box<ProjectReader<R>>),
    /// Photos in folders.
    Samples(Samples<R>),
}

/// Opens an archive of `length` bytes. `name` is the file's, for photos that lie in no folder.
///
/// # Errors
/// [`Error::ProjectFormat`] where it is neither; those of [`Archive::open`] and [`Project::parse`]; those of
/// [`head_file::check`].
pub fn open<R: ReaderAt>(reader: R, length: u64, name: &str) -> Result<Opened<R>, Error> {
    let archive = Archive::open(reader, length)?;
    match archive.find(DESCRIPTION) {
        Some(_) => ProjectReader::new(archive).map(|reader| Opened::Project(Box::new(reader))),
        None => Samples::new(archive, name).map(Opened::Samples),
    }
}

/// A project that is being read.
#[derive(Debug)]
pub struct ProjectReader<R> {
    archive: Archive<R>,
    project: Project,
    /// For every photo, where its embedding is among all.
    places: Vec<Option<usize>>,
    embeddings: Vec<Embedding>,
    head: Option<Vec<u8>>,
}

impl<R: ReaderAt> ProjectReader<R> {
    fn new(archive: Archive<R>) -> Result<Self, Error> {
        let project = Project::parse(&read(&archive, DESCRIPTION, MOST_DESCRIPTION)?)?;
        let mut paths = HashSet::new();
        for path in project.photos() {
            let entry = archive.find(path).ok_or_else(|| missing(path))?;
            check_limit("bytes of a photo", entry.size, MOST_PHOTO)?;
            if !paths.insert(path) {
                return Err(damaged(format!("`{path}` is named twice")));
            }
        }
        let tensors = read(&archive, TENSORS, MOST_TENSORS)?;
        let (places, embeddings, head) = read_tensors(&tensors, project.photo_count()).map_err(of_tensors)?;
        if let Some(head) = &head {
            head_file::check(head, &project.network).map_err(of_tensors)?;
        }
        Ok(Self {
            archive,
            project,
            places,
            embeddings,
            head,
        })
    }

    /// Everything but photos and numbers.
    pub fn project(&self) -> &Project {
        &self.project
    }

    /// The embedding of a photo, by its number: class by class, then the tests.
    pub fn embedding(&self, photo: usize) -> Option<&Embedding> {
        self.places
            .get(photo)
            .copied()
            .flatten()
            .map(|place| &self.embeddings[place])
    }

    /// The PNG of a photo, by its number. It was decoded once, to be sure that it can be.
    ///
    /// # Errors
    /// [`Error::ProjectDamaged`] where there is none of that number, or it is not the PNG of a [`crate::Picture`].
    pub fn photo(&self, photo: usize) -> Result<Vec<u8>, Error> {
        let path = self.project.photos().nth(photo);
        let path = path.ok_or_else(|| damaged(format!("no photo {photo}")))?;
        bare_picture(path, &read(&self.archive, path, MOST_PHOTO)?)
    }

    /// What was trained, for [`crate::Session::restore_head`].
    pub fn head(&self) -> Option<&[u8]> {
        self.head.as_deref()
    }

    /// The file of the metric that was given when that was trained.
    ///
    /// # Errors
    /// None in practice: the head was checked.
    pub fn metric(&self) -> Result<Option<&[u8]>, Error> {
        match &self.head {
            Some(head) => head_file::given_metric(head),
            None => Ok(None),
        }
    }
}

/// A photo of an archive of photos.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sample {
    /// The folder that it lies in.
    pub class_name: String,
    /// The file's name, without folders.
    pub name: String,
    #[serde(skip)]
    path: String,
}

/// An archive of photos in folders, a folder for a class.
#[derive(Debug)]
pub struct Samples<R> {
    archive: Archive<R>,
    samples: Vec<Sample>,
}

impl<R: ReaderAt> Samples<R> {
    fn new(archive: Archive<R>, name: &str) -> Result<Self, Error> {
        let paths: Vec<&str> = archive.entries().iter().map(|entry| entry.name.as_str()).collect();
        let photos: Vec<Vec<&str>> = paths
            .into_iter()
            .filter(|path| is_photo(path))
            .map(|path| path.split('/').collect())
            .collect();
        check_limit("photos", photos.len() as u64, MOST_PHOTOS as u64)?;
        if photos.is_empty() {
            return Err(Error::ProjectFormat {
                reason: format!("there is neither a `{DESCRIPTION}` nor a photo in it"),
            });
        }
        let outer = common_folder(&photos);
        let sample = |parts: Vec<&str>| Sample {
            class_name: class_of(&parts, outer, name),
            name: parts.last().copied().unwrap_or_default().to_owned(),
            path: parts.join("/"),
        };
        let samples: Vec<Sample> = photos.iter().cloned().map(sample).collect();
        let classes: HashSet<&str> = samples.iter().map(|sample| sample.class_name.as_str()).collect();
        check_limit("classes", classes.len() as u64, MOST_CLASSES as u64)?;
        Ok(Self { samples, archive })
    }

    /// The photos, in the archive's order.
    pub fn samples(&self) -> &[Sample] {
        &self.samples
    }

    /// The file of a photo, by its place in [`Samples::samples`]. What is in it is for [`Photo::decode`] to find out.
    ///
    /// # Errors
    /// [`Error::ProjectDamaged`], [`Error::ProjectTooLarge`].
    pub fn photo(&self, photo: usize) -> Result<Vec<u8>, Error> {
        let sample = self
            .samples
            .get(photo)
            .ok_or_else(|| damaged(format!("no photo {photo}")))?;
        read(&self.archive, &sample.path, MOST_SAMPLE)
    }
}

/// Whether a file is a photo by its name, and nothing that a system put there.
fn is_photo(path: &str) -> bool {
    let ending = path.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    let has_ending = ending.is_some_and(|ending| PHOTO_ENDINGS.contains(&ending.as_str()));
    let is_numbered = numbered(path).is_some_and(|(_, number)| number.bytes().all(|sign| sign.is_ascii_digit()));
    let clutter = |part: &str| part.starts_with('.') || part.eq_ignore_ascii_case("__macosx");
    (has_ending || is_numbered) && !path.split('/').any(clutter)
}

/// A file of a project of Teachable Machine, which has no folders: the class, and what comes after it, a number.
fn numbered(name: &str) -> Option<(&str, &str)> {
    name.rsplit_once("-!-").filter(|(class, _)| !class.is_empty())
}

/// How many folders stand around all classes: one, where all photos lie in it and some in folders of their own.
fn common_folder(photos: &[Vec<&str>]) -> usize {
    let first = &photos[0];
    let inside = photos.iter().all(|parts| parts.len() > 1 && parts[0] == first[0]);
    let deeper = photos.iter().any(|parts| parts.len() > 2);
    usize::from(inside && deeper)
}

/// The class of a photo: its first folder below those that stand around all; for a photo in no folder, what its name says, or
/// else the archive's.
fn class_of(parts: &[&str], outer: usize, archive: &str) -> String {
    let class = match parts {
        [] => archive,
        [name] => match numbered(name) {
            Some((class, _)) => class,
            None => archive.rsplit_once('.').map_or(archive, |(stem, _)| stem),
        },
        [folder, _] => folder,
        deeper => deeper[outer],
    };
    class.to_owned()
}

fn read<R: ReaderAt>(archive: &Archive<R>, path: &str, limit: u64) -> Result<Vec<u8>, Error> {
    archive.read(archive.find(path).ok_or_else(|| missing(path))?, limit.min(MOST_BYTES))
}

/// Where each photo's embedding is among all, the embeddings, and the head's file.
type Tensors = (Vec<Option<usize>>, Vec<Embedding>, Option<Vec<u8>>);

fn read_tensors(bytes: &[u8], photos: usize) -> Result<Tensors, Error> {
    let file = TensorFile::open(bytes, TENSORS_FORMAT)?;
    let embedded = file
        .bytes(EMBEDDED)?
        .ok_or_else(|| damaged(format!("no `{EMBEDDED}`")))?;
    if embedded.len() != photos || embedded.iter().any(|flag| *flag > 1) {
        let got = embedded.len();
        return Err(damaged(format!(
            "`{EMBEDDED}` of {got} flags, expected {photos} of 0 or 1"
        )));
    }
    let mut count = 0;
    let mut places = Vec::with_capacity(photos);
    for flag in embedded {
        places.push((*flag == 1).then_some(count));
        count += usize::from(*flag);
    }
    let values = file.floats(EMBEDDINGS, &[Some(count), Some(LENGTH)])?;
    let embeddings = values.chunks_exact(LENGTH).map(|row| Embedding::new(row.to_vec()));
    let head = file.bytes(HEAD)?.map(<[u8]>::to_vec);
    Ok((places, embeddings.collect::<Result<_, _>>()?, head))
}

/// The PNG of a picture, without anything else in it.
fn bare_picture(path: &str, png: &[u8]) -> Result<Vec<u8>, Error> {
    let png = BarePng::of(png).ok_or_else(|| damaged(format!("`{path}` is no whole PNG")))?;
    let (shorter, longer) = (png.width.min(png.height), png.width.max(png.height));
    if shorter != SHORTER_SIDE as u32 || longer > LONGEST_SIDE as u32 {
        return Err(damaged(format!(
            "`{path}` has {} × {} pixels, expected the shorter side at {SHORTER_SIDE} and the longer at most {LONGEST_SIDE}",
            png.width, png.height
        )));
    }
    match Photo::decode(&png.bytes) {
        Ok(_) => Ok(png.bytes),
        Err(error) => Err(damaged(format!("`{path}`: {error}"))),
    }
}

fn missing(path: &str) -> Error {
    damaged(format!("`{}` is missing", path.escape_debug()))
}

fn unreadable(error: serde_json::Error) -> Error {
    damaged(format!("`{DESCRIPTION}`: {error}"))
}

/// Whatever is wrong with the tensors, the file is damaged.
fn of_tensors(error: Error) -> Error {
    damaged(format!("`{TENSORS}`: {error}"))
}
