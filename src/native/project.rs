//! Project files on disk: written of a folder of classes that was learnt, and read as a model.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::{Read, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use humantime::format_rfc3339_millis;
use rawzip::FileReader;

use super::{
    files::io,
    folder::{ClassFolder, read_picture},
};
use crate::{
    Embedding, Error, Session,
    embedder::Views,
    learned_metric::LearnedMetric,
    model::Model,
    picture::VIEWS,
    project::{self, APP, Opened, Project, ProjectClass, ProjectReader, ProjectShot, ProjectWriter, SCHEMA},
};

/// Ending of project files.
pub const ENDING: &str = "glimpse";

/// Whether a file is to be a project, by its name.
pub fn is_wanted(file: &Path) -> bool {
    file.extension()
        .is_some_and(|ending| ending.eq_ignore_ascii_case(ENDING))
}

/// Whether a file begins as a zip archive does.
///
/// # Errors
/// [`Error::Io`].
pub fn is_archive(file: &Path) -> Result<bool, Error> {
    let mut start = Vec::new();
    let reader = File::open(file).map_err(io(file))?;
    reader.take(2).read_to_end(&mut start).map_err(io(file))?;
    Ok(start == b"PK")
}

/// Writes what was learnt of the classes' photos, and the photos themselves.
///
/// # Errors
/// [`Error::Io`]; those of [`read_picture`] and [`ProjectWriter`].
pub fn save(file: &Path, model: &Model, classes: &[ClassFolder]) -> Result<(), Error> {
    let (mut writer, start) = ProjectWriter::new(description(file, model, classes))?;
    let part = file.with_extension("part");
    let mut out = File::create(&part).map_err(io(&part))?;
    let mut put = |bytes: &[u8]| out.write_all(bytes).map_err(io(&part));
    put(&start)?;
    let photos = classes.iter().flat_map(|class| &class.photos);
    for (photo, embedding) in photos.zip(embeddings(model)) {
        put(&writer.add(&read_picture(photo)?.png()?, Some(embedding))?)?;
    }
    let head = model.session().head_file(model.network())?;
    put(&writer.finish(head.as_deref())?)?;
    fs::rename(&part, file).map_err(io(file))
}

/// Reads a project as a model for the network of this identity, and says from how many views photos are to be embedded.
/// Photos that were not embedded yet are passed over.
///
/// # Errors
/// [`Error::Io`]; those of [`project::open`]; [`Error::ModelNetwork`]; those of [`Session::restore_head`];
/// [`Error::TooFewClasses`].
pub fn open(file: &Path, network: &str) -> Result<(Model, Views), Error> {
    let reader = File::open(file).map_err(io(file))?;
    let length = reader.metadata().map_err(io(file))?.len();
    match project::open(FileReader::from(reader), length, "")? {
        Opened::Project(reader) => model_of(&reader, network),
        Opened::Samples(_) => Err(Error::ProjectFormat {
            reason: "there are photos in it alone; unpack it and give the folder".into(),
        }),
    }
}

fn description(file: &Path, model: &Model, classes: &[ClassFolder]) -> Project {
    let now = format_rfc3339_millis(SystemTime::now()).to_string();
    let shot = |photo: &PathBuf| ProjectShot {
        name: name_of(photo.file_name()),
        photo: String::new(),
    };
    let class = |(index, class): (usize, &ClassFolder)| ProjectClass {
        name: class.name.clone(),
        named: true,
        hue: index as u32,
        active: true,
        shots: class.photos.iter().map(shot).collect(),
    };
    Project {
        schema: SCHEMA,
        app: APP.into(),
        name: name_of(file.file_stem()),
        created: now.clone(),
        updated: now,
        network: model.network().into(),
        views: VIEWS,
        options: None,
        method: model.session().trained().map(|trained| trained.method),
        threshold: None,
        classes: classes.iter().enumerate().map(class).collect(),
        tests: Vec::new(),
    }
}

fn name_of(name: Option<&OsStr>) -> String {
    name.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Class by class.
fn embeddings(model: &Model) -> impl Iterator<Item = &Embedding> {
    let classes = model.session().support().classes().iter();
    classes.flat_map(|class| class.shots.iter().map(|shot| &shot.embedding))
}

fn model_of(reader: &ProjectReader<FileReader>, network: &str) -> Result<(Model, Views), Error> {
    let project = reader.project();
    let mut session = Session::default();
    let mut number = 0;
    for (class_id, class) in project.classes.iter().enumerate() {
        for _ in &class.shots {
            if let Some(embedding) = reader.embedding(number) {
                let support = session.support_mut();
                support.set_shot(class_id as u32, number as u32, embedding.clone());
            }
            number += 1;
        }
        session.support_mut().set_active(class_id as u32, class.active);
    }
    let names = project.classes.iter().map(|class| class.name.clone()).collect();
    if let Some(metric) = reader.metric()? {
        let metric = LearnedMetric::from_safetensors(metric, &project.network)?;
        session.set_metric(Some(Arc::new(metric)));
    }
    session.support().episode()?;
    if let Some(head) = reader.head() {
        session.restore_head(head, &project.network)?;
    }
    let model = Model::of(names, &project.network, session);
    model.check_network(network)?;
    let views = match project.views {
        1 => Views::One,
        _ => Views::All,
    };
    Ok((model, views))
}
